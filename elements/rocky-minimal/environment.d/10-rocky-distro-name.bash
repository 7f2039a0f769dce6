export DISTRO_NAME=rocky
export DIB_RELEASE=${DIB_RELEASE:-10}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/rocky}
