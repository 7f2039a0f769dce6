export DISTRO_NAME=ubuntu
export DIB_RELEASE=${DIB_RELEASE:-noble}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/ubuntu}
