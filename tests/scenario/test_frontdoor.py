"""The front door ./sector0: what it installs, when it calls the package manager, what it says elsewhere.

A folder of small scripts stands in for apt-get, sudo and make; `present` programs are symbolic links,
so nothing is installed and nobody's machine is changed.
"""
import ast
import glob
import os
import re
import shutil
import subprocess

import pytest

from lib.paths import REPO

LIST = REPO / "tools" / "debug" / "packages.txt"
LINES = [line.split() for line in LIST.read_text().splitlines() if line.strip() and not line.startswith("#")]
NEEDS = {words[1]: words[2:] for words in LINES if words[0] == "need"}
PACKAGES = [words[1:] for words in LINES if words[0] == "pkg"]  # [group, package, probe...]
SHELL_TOOLS = ["sh", "dirname", "sed", "id", "env", "ln", "touch", "test"]  # of every Debian, make or not

APT = """#!/bin/sh
echo "apt-get $*" >> $LOG
case "$*" in
*--dry-run*) test -e $HERE/lists ;;
*update*) touch $HERE/lists ;;
*install*)
    test -e $HERE/lists || exit 100
    for package in $BRINGS; do ln -sf /bin/true $HERE/bin/$package; done ;;
esac
"""
SUDO = '#!/bin/sh\necho "sudo $*" >> $LOG\nexec "$@"\n'
MAKE = '#!/bin/sh\necho "make $*" >> $LOG\n'


class Door:
    """A copy of the front door on a machine of our own making."""

    def __init__(self, folder):
        self.folder, self.bin, self.log = folder, folder / "bin", folder / "log"
        self.bin.mkdir()
        (folder / "tools" / "debug").mkdir(parents=True)
        shutil.copy(REPO / "sector0", folder)
        self.packages("need run build\nneed test build extra\nneed * build\n"
                      "pkg build gcc gcc\npkg build nasm nasm ndisasm\npkg extra bochs bochs\n")
        for tool in SHELL_TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.program("make", MAKE)

    def packages(self, text):
        (self.folder / "tools" / "debug" / "packages.txt").write_text(text)

    def program(self, name, text="#!/bin/sh\n"):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, *arguments, brings="gcc nasm ndisasm bochs", **more):
        env = {"PATH": str(self.bin), "LOG": str(self.log), "HERE": str(self.folder), "BRINGS": brings, **more}
        done = subprocess.run([str(self.folder / "sector0"), *arguments], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return done, calls


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


@pytest.mark.check
def test_nothing_missing_means_no_package_manager(door):
    door.program("apt-get", APT)
    for name in ("gcc", "nasm", "ndisasm"):
        door.program(name)
    done, calls = door.run("run", "CC=clang")
    assert done.returncode == 0 and done.stderr == ""
    assert calls == ["make run CC=clang"]


def test_missing_packages_are_installed_and_named(door):
    door.program("apt-get", APT)
    (door.folder / "lists").touch()
    door.program("gcc")
    done, calls = door.run("run")
    assert done.returncode == 0
    assert "nasm" in done.stderr and "gcc" not in done.stderr
    assert calls == ["apt-get -qq --dry-run --no-install-recommends install nasm",
                     "apt-get -qq -y --no-install-recommends install nasm", "make run"]


def test_only_what_the_target_needs(door):
    door.program("apt-get", APT)
    (door.folder / "lists").touch()
    assert "install gcc nasm bochs" in "\n".join(door.run("test")[1])
    (door.bin / "bochs").unlink()
    assert door.run("run")[1][-1] == "make run" and not (door.bin / "bochs").exists()


def test_package_lists_are_fetched_only_when_needed(door):
    door.program("apt-get", APT)
    _, calls = door.run("run")
    assert [call for call in calls if "update" in call] == ["apt-get -qq update"]
    assert calls[-1] == "make run"


def test_install_that_brings_nothing_is_an_error(door):
    door.program("apt-get", APT)
    done, calls = door.run("run", brings="gcc")
    assert done.returncode == 1 and "still not found: nasm" in done.stderr
    assert not [call for call in calls if call.startswith("make")]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_sudo_when_not_root(door):
    door.program("apt-get", APT)
    door.program("sudo", SUDO)
    (door.folder / "lists").touch()
    door.folder.chmod(0o777), door.bin.chmod(0o777)
    parent = door.folder.parent
    while parent != parent.parent and not parent.stat().st_mode & 1:
        parent.chmod(parent.stat().st_mode | 0o11)
        parent = parent.parent
    env = {"PATH": str(door.bin), "LOG": str(door.log), "HERE": str(door.folder), "BRINGS": "gcc nasm ndisasm"}
    done = subprocess.run([str(door.folder / "sector0"), "run"], env=env, capture_output=True, text=True, user="nobody")
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get, which may ask for your password" in done.stderr
    assert "sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y" in door.log.read_text()


def test_without_apt_it_says_what_to_install(door):
    done, calls = door.run("run")
    assert done.returncode == 1 and calls == []
    assert re.search(r"nasm +\(nasm ndisasm\)", done.stderr) and "no apt-get here" in done.stderr


def test_failing_apt_is_told(door):
    door.program("apt-get", '#!/bin/sh\necho "apt-get $*" >> $LOG\nexit 100\n')
    done, calls = door.run("run")
    assert done.returncode == 1 and "could not install: gcc nasm" in done.stderr
    assert "apt-get -qq update" in calls and "make run" not in calls


def test_doctor_changes_nothing(door):
    door.program("apt-get", APT)
    done, calls = door.run("doctor", "test")
    assert done.returncode == 1 and calls == []
    assert "./sector0 install-deps test" in done.stdout and "--no-install-recommends gcc nasm bochs" in done.stdout


def test_packages_of_a_window_need_a_display(door):
    door.packages("need * build window\npkg build gcc gcc\npkg window viewer viewer\n")
    door.program("gcc")
    assert door.run("doctor", "run")[0].returncode == 0
    assert "viewer" in door.run("doctor", "run", DISPLAY=":0")[0].stdout


def test_no_argument_explains(door):
    done, calls = door.run()
    assert done.returncode == 0 and calls == [] and "./sector0 TARGET" in done.stdout


# ---- The list itself ---------------------------------------------------------------------------

def test_list_is_well_formed():
    groups = {package[0] for package in PACKAGES}
    assert all(len(words) > 2 for words in LINES) and "*" in NEEDS
    for target, needed in NEEDS.items():
        assert set(needed) <= groups, f"need {target} names a group without packages"
    assert groups <= set(NEEDS["everything"]), "`everything` leaves a group out"
    names = [package[1] for package in PACKAGES]
    assert len(names) == len(set(names))


def test_this_machine_has_what_the_tests_need():
    done = subprocess.run(["./sector0", "doctor", "test"], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_packages_resolve():
    """apt-get could install all of them together, from the package lists that this machine has."""
    if not shutil.which("apt-get"):
        pytest.skip("no apt-get on this machine")
    names = [package[1] for package in PACKAGES]
    known = subprocess.run(["apt-cache", "show", *names], capture_output=True, text=True)
    if not known.stdout.count("Filename:"):
        pytest.skip("this machine has no package lists: run apt-get update once")
    done = subprocess.run(["apt-get", "install", "--dry-run", "--no-install-recommends", *names],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_packages_bring_what_they_promise():
    """For each installed package: dpkg says that its files include the programs and files of the list."""
    if not shutil.which("dpkg-query"):
        pytest.skip("no dpkg on this machine")
    checked = 0
    for _, package, *probes in PACKAGES:
        state = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], capture_output=True, text=True).stdout
        if state != "install ok installed":
            continue
        for probe in probes:
            if not probe.startswith(("/usr/bin/python3", "py:")):
                found = glob.glob(probe) if probe[0] == "/" else shutil.which(probe, path="/usr/bin:/usr/sbin:/bin:/sbin")
                assert found, f"{package} is installed, but there is no {probe}"
                checked += 1
    assert checked


# ---- Every program that the repository calls ---------------------------------------------------

# Programs of packages that every Debian has (Essential: yes), as far as we call them.
ESSENTIAL = set("""awk basename cat chmod cmp cp cut date dd diff dirname dpkg-query du echo env expr false find grep gzip head
id ln ls mkdir mkfifo mktemp mount mv printf pwd rm rmdir script sed sh sleep sort tail tar tee test timeout touch tr true truncate
umount uname wc xargs blockdev ldd apt-get apt-cache apt-config dpkg chroot kill sync od cd exec exit export set trap return""".split())
OPTIONAL = {
    "sudo": "only where we are not root",
    "git": "only to find the files of a working copy",
    "pytest": "an id in a message",
}


def provided():
    return {probe for _, _, *probes in PACKAGES for probe in probes}


def python_commands(path):
    """First words of lists and tuples of strings that look like a command line, in calls of subprocess."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = ast.unparse(node.func)
        first = node.args[0]
        if isinstance(first, ast.BinOp):
            first = first.left
        if re.match(r"subprocess\.|shutil\.which|pexpect\.spawn|tool$|objdump$", name):
            if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
                first = first.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value[0] not in "-/":
                yield first.value.split()[0]
    for word in re.findall(r'\["([a-z][a-z0-9_.-]+)", "-', path.read_text()):
        yield word


def make_commands(path):
    """First words of the recipe lines of a makefile, after expansion of what names programs."""
    text = path.read_text().replace("\\\n", " ")
    for line in re.findall(r"^\t[@-]*(.*)", text, re.M):
        for part in re.split(r"[|;&]+|\$\$\(", re.sub(r"'[^']*'", "''", line)):
            words = [word for word in part.split() if not re.match(r"\w+=", word)]
            if words and re.fullmatch(r"[a-z][a-z0-9_.-]+", words[0]):
                yield words[0]


def shell_commands(path):
    for line in path.read_text().splitlines():
        found = re.match(r"\s*(?:if |while |! )*([a-z][a-z0-9_-]+)(?: |$)", line.split("#")[0])
        if found:
            yield found.group(1)


SHELL_WORDS = {"case", "do", "done", "else", "esac", "fi", "for", "if", "then", "in", "local", "while", "break", "continue",
               "as_root", "die", "doctor", "groups_of", "install_missing", "missing_for", "package_names", "present",
               "say_missing", "read", "command", "shift", "until", "wait", "cleanup", "fail", "inside"}


def test_every_program_is_in_the_list():
    called = {}
    for path in REPO.rglob("*"):
        relative = path.relative_to(REPO)
        if relative.parts[0] in ("build", ".git") or "__pycache__" in relative.parts or not path.is_file():
            continue
        if path.suffix == ".py":
            words = python_commands(path)
        elif path.name == "Makefile" or path.suffix == ".mk":
            words = make_commands(path)
        elif path.suffix == ".sh" or str(relative) in ("sector0", ".ci/run"):
            words = (word for word in shell_commands(path) if word not in SHELL_WORDS)
        else:
            continue
        for word in words:
            called.setdefault(word, str(relative))
    unknown = {word: where for word, where in called.items()
               if word not in provided() | ESSENTIAL | set(OPTIONAL) and not word.startswith(("build/", "/", "./"))}
    assert "qemu-system-x86_64" in called and "nm" in called, "the search finds nothing any more"
    assert not unknown, f"not in tools/debug/packages.txt: {unknown}"


# ---- The real thing ----------------------------------------------------------------------------

@pytest.mark.soak
@pytest.mark.limit(3600)
def test_bare_debian(tmp_path):
    """Both commands on a Debian without make or gcc, then without apt-get."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip("tests/bare-debian.sh needs root and debootstrap")
    done = subprocess.run([str(REPO / "tests" / "bare-debian.sh"), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
