export DISTRO_NAME=debian
export DIB_RELEASE=${DIB_RELEASE:-bookworm}
export DIB_DEBIAN_KERNEL=${DIB_DEBIAN_KERNEL:-linux-image-${ARCH}}
export EFI_BOOT_DIR=${EFI_BOOT_DIR:-EFI/debian}
