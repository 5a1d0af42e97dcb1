#!/bin/sh
# bare-debian.sh - the README's two commands on a Debian that has neither make nor gcc.
#
#     tests/bare-debian.sh FOLDER [run]
#
# Makes the smallest Debian that there is (debootstrap, variant minbase) in FOLDER/root, of the release
# and from the mirror that this machine's own apt uses, copies the working tree into it, and runs there
# `./sector0 run` to the prompt and `./sector0 test` (not with `run`). Then apt-get is taken away: what
# is installed must work without it. Needs root and a network. FOLDER/base.tar, the fresh root, is kept
# and used again.

set -eu
[ $# -ge 1 ] || { echo "usage: $0 FOLDER [run]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: needs root" >&2; exit 2; }
repo=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
root=$folder/root
PROMPT_SECONDS=600 # for downloading, building and booting

fail() {
    echo "bare-debian: $*" >&2
    exit 1
}

cleanup() {
    umount "$root/dev/pts" "$root/proc" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# In the new root, with nothing of our own environment.
inside() {
    chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        LANG=C.UTF-8 sh -c "cd /sector0 && $1"
}

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ ! -e "$folder/base.tar" ]; then
    # shellcheck disable=SC2016 # apt-get's own placeholders
    mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^$release //p" | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no mirror for $release: run apt-get update once"
    rm -rf "$folder/base"
    debootstrap --variant=minbase "$release" "$folder/base" "$mirror"
    tar -C "$folder/base" -cf "$folder/base.tar" .
    rm -rf "$folder/base"
fi
cleanup
rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$folder/base.tar"
cp /etc/resolv.conf "$root/etc/"
mkdir "$root/sector0"
tar -C "$repo" --exclude=./build --exclude=./.git -cf - . | tar -C "$root/sector0" -xf -
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -sf pts/ptmx "$root/dev/ptmx"

for program in make gcc nasm qemu-system-x86_64 python3 sudo; do
    [ ! -e "$root/usr/bin/$program" ] || fail "the new root has $program: that proves nothing"
done

echo "== ./sector0 run"
mkfifo "$folder/keys"
trap 'cleanup; rm -f "$folder/keys"' EXIT
inside './sector0 run' <"$folder/keys" >"$folder/run.log" 2>&1 &
running=$!
exec 3>"$folder/keys"
waited=0
until grep -q 'sector0:/\$ ' "$folder/run.log"; do
    kill -0 "$running" 2>/dev/null || { tail -n 30 "$folder/run.log"; fail "./sector0 run ended without a prompt"; }
    [ "$waited" -lt "$PROMPT_SECONDS" ] || { tail -n 30 "$folder/run.log"; fail "no prompt in $waited s"; }
    sleep 1
    waited=$((waited + 1))
done
printf 'poweroff\r' >&3
exec 3>&-
wait "$running" || fail "./sector0 run ended with an error"
tail -n 15 "$folder/run.log"
echo "bare-debian: a prompt after $waited s"

if [ "${2:-}" != run ]; then
    echo "== ./sector0 test"
    inside './sector0 test 2>&1' || fail "./sector0 test failed"
fi

echo "== without apt-get"
mv "$root/usr/bin/apt-get" "$root/usr/bin/apt-get.away"
inside './sector0 help' >/dev/null || fail "./sector0 needs apt-get although nothing is missing"
echo "bare-debian: done"
