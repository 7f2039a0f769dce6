export DISTRO_NAME=fedora
export DIB_RELEASE=${DIB_RELEASE:-44}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/fedora}
