export DISTRO_NAME=centos
export DIB_RELEASE=${DIB_RELEASE:-10-stream}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/centos}
