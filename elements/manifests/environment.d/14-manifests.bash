export DIB_MANIFEST_IMAGE_DIR=${DIB_MANIFEST_IMAGE_DIR:-/etc/dib-manifests}
dib_manifest_directory=$(basename "$IMAGE_NAME").d
export DIB_MANIFEST_SAVE_DIR=${DIB_MANIFEST_SAVE_DIR:-$dib_manifest_directory}
