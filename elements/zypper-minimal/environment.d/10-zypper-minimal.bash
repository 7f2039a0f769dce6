export DIB_SUSE_KERNEL=${DIB_SUSE_KERNEL:-kernel-default}
