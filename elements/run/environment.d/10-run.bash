export DIB_RUN=${DIB_RUN:-}
export DIB_RUN_FILE=${DIB_RUN_FILE:-}
export DIB_RUN_PHASE=${DIB_RUN_PHASE:-post-install.d}
