export DISTRO_NAME=opensuse
export DIB_RELEASE=${DIB_RELEASE:-16.0}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/opensuse}
