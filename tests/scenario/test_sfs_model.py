"""SFS against a model of dictionaries: hypothesis chooses the operations, every answer and the whole tree agree"""
import functools

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from lib.fsmodel import DIR, FIFO, LNK, REG, Model
from lib.sfsdoor import Door

NAMES = [b"a", b"b", b"c", b"d" * 55, b"e" * 30, b"f" * 255, b"g" * 200, b"h" * 120]
SIZES = [0, 1, 87, 511, 512, 513, 4095, 4096, 4097, 5120, 5121, 40960, 41000, 70000]


@functools.cache
def door():
    return Door()


def paths(names):
    return strategies.lists(strategies.sampled_from(names), min_size=1, max_size=3).map(lambda parts: b"/" + b"/".join(parts))


def pattern(seed, size):
    return bytes((seed * 37 + place * 11) % 255 + 1 for place in range(min(size, 997))) * (size // 997 + 1)


class Machine(RuleBasedStateMachine):
    """Subclasses say the block size."""
    block_size = 4096
    path = paths(NAMES)

    @initialize()
    def start(self):
        assert door().format(8 << 20, self.block_size, 2) == 0
        self.model = Model()
        self.steps = 0

    def agree(self, operation, *arguments):
        expected, got = getattr(self.model, operation)(*arguments), getattr(door(), operation)(*arguments)
        assert got == expected or {got, expected} == {0, b""}, f"{operation}{arguments}: {got}, must be {expected}"

    @rule(path=path, kind=strategies.sampled_from([REG, REG, DIR, DIR, DIR, FIFO]), mode=strategies.integers(0, 0o777))
    def make(self, path, kind, mode):
        self.agree("make", path, kind << 12 | mode, b"")

    @rule(path=path, to=path, up=strategies.sampled_from([b"", b"..", b"."]))
    def symlink(self, path, to, up):
        self.agree("make", path, LNK << 12 | 0o777, up + to)

    @rule(old=path, new=path)
    def link(self, old, new):
        self.agree("link", old, new)

    @rule(path=path, directory=strategies.booleans())
    def remove(self, path, directory):
        self.agree("remove", path, directory)

    @rule(old=path, new=path, flags=strategies.sampled_from([0, 0, 0, 1, 2]))
    def rename(self, old, new, flags):
        self.agree("rename", old, new, flags)

    @rule(path=path, offset=strategies.sampled_from(SIZES), size=strategies.sampled_from(SIZES), seed=strategies.integers(0, 99))
    def write(self, path, offset, size, seed):
        self.agree("write", path, offset, pattern(seed, size)[:size])

    @rule(path=path, size=strategies.sampled_from([1, 100, 4096, 5000]), seed=strategies.integers(0, 99))
    def append(self, path, size, seed):
        self.agree("append", path, pattern(seed, size)[:size])

    @rule(path=path, offset=strategies.sampled_from(SIZES), size=strategies.sampled_from(SIZES))
    def read(self, path, offset, size):
        self.agree("read", path, offset, max(size, 1))

    @rule(path=path, size=strategies.sampled_from(SIZES))
    def truncate(self, path, size):
        self.agree("truncate", path, size)

    @rule(path=path, mode=strategies.integers(0, 0o777))
    def chmod(self, path, mode):
        self.agree("chmod", path, mode)

    @rule(path=path)
    def fsync(self, path):
        expected, got = self.model.exists(path), door().fsync(path)
        assert got == expected

    @rule()
    def sync(self):
        assert door().sync() == 0

    @rule()
    def remount(self):
        """What has been unmounted is sound, says the independent checker."""
        assert door().remount() == 0
        self.compare()

    @invariant()
    def now_and_then(self):
        self.steps += 1
        if self.steps % 10 == 0:
            self.compare()

    def compare(self):
        for path, node in self.model.tree():
            _, mode, nlink, size, blocks = door().stat(path)
            assert (mode >> 12, mode & 0o7777, nlink) == (node.type, node.mode, node.nlink), path
            if node.type == DIR:
                assert sorted(door().list(path)) == sorted([b".", b"..", *node.names]), path
            else:
                assert size == node.size, path
            if node.type == REG:
                assert door().read(path, 0, size) == node.data, path
                assert blocks * 512 <= size + 5 * self.block_size, path
            if node.type == LNK:
                assert door().readlink(path) == node.target, path

    def teardown(self):
        try:
            if hasattr(self, "model"):
                self.remount()
        finally:
            door().close()


def run(block_size, **options):
    chosen = settings(stateful_step_count=60, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                      **options)
    run_state_machine_as_test(type(f"Machine{block_size}", (Machine,), {"block_size": block_size}), settings=chosen)


@pytest.mark.parametrize("block_size", [512, 1024, 2048, 4096])
def test_model(block_size):
    run(block_size, max_examples=25, derandomize=True)


@pytest.mark.soak
@pytest.mark.limit(3600)
@pytest.mark.parametrize("block_size", [512, 4096])
def test_model_for_long(block_size):
    """Other operations each time."""
    run(block_size, max_examples=4000)
