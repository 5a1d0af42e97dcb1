#!/bin/sh
# fetch.sh FILE FOLDER - write the newest Linux kernel for virtual machines that Debian has to FILE,
# and those of its modules that drive virtio and IDE disks to FOLDER: 10-virtio_ring.ko and so on, in
# the order in which they can be loaded.
#
# The package is downloaded and unpacked beside FILE; nothing is installed, and root is not needed.
# The package linux-image-cloud-amd64 is empty: it depends on the newest kernel's.

set -eu
meta=linux-image-cloud-amd64
file=$1
modules=$2

# A module stands behind those that it needs. Some kernels have one or the other built in.
wanted="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk"
wanted="$wanted scsi_common scsi_mod libata crc64 crc64-rocksoft_generic crc64-rocksoft"
wanted="$wanted crct10dif_common crc-t10dif t10-pi sd_mod ata_piix ata_generic"

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

# Newer kernels come with compressed modules.
write_module() {
    case $1 in
        *.xz) xz -dc "$1" >"$2" ;;
        *) cp "$1" "$2" ;;
    esac
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    die "the Linux guest is made of Debian packages: no apt-get or dpkg-deb here"
package=$(apt-cache depends "$meta" 2>/dev/null |
          sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
[ -n "$package" ] || die "apt knows no $meta: run apt-get update as root, then this again"

folder=$(dirname "$file")/package
rm -rf "$folder" "$modules"
mkdir -p "$folder" "$modules"
(cd "$folder" && apt-get -q download "$package") >"$folder/log" 2>&1 ||
    die "could not download $package: $(tail -n 1 "$folder/log")"
dpkg-deb -x "$folder"/*.deb "$folder/files"
number=10
for module in $wanted; do
    found=$(find "$folder/files" -name "$module.ko" -o -name "$module.ko.xz")
    [ -z "$found" ] || write_module "$found" "$modules/$number-$module.ko"
    number=$((number + 1))
done
cp "$folder"/files/boot/vmlinuz-* "$file"
rm -rf "$folder"
