#!/bin/sh
# fetch.sh FILE - write the newest Linux kernel for virtual machines that Debian has to FILE.
#
# The package is downloaded and unpacked beside FILE; nothing is installed, and root is not needed.
# The package linux-image-cloud-amd64 is empty: it depends on the newest kernel's.

set -eu
meta=linux-image-cloud-amd64
file=$1

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    die "the Linux guest is made of Debian packages: no apt-get or dpkg-deb here"
package=$(apt-cache depends "$meta" 2>/dev/null |
          sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
[ -n "$package" ] || die "apt knows no $meta: run apt-get update as root, then this again"

folder=$(dirname "$file")/package
rm -rf "$folder"
mkdir -p "$folder"
(cd "$folder" && apt-get -q download "$package") >"$folder/log" 2>&1 ||
    die "could not download $package: $(tail -n 1 "$folder/log")"
dpkg-deb --fsys-tarfile "$folder"/*.deb |
    tar -x -O --wildcards -f - './boot/vmlinuz-*' >"$file.part"
rm -rf "$folder"
mv "$file.part" "$file"
