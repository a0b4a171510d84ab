"""Who has just written reads where it was written."""

from proxy.core.affinity import PINS_MOST, WriteAffinity
from proxy.core.reason import Arm


def test_a_write_keeps_its_caller_for_its_seconds_and_no_longer() -> None:
    affinity = WriteAffinity(30)
    affinity.wrote(b"ann", Arm.LEGACY, now=100)
    assert affinity.arm_of(b"ann", now=129.9) is Arm.LEGACY
    assert affinity.arm_of(b"bob", now=100) is None
    assert affinity.arm_of(b"ann", now=130) is None


def test_the_last_write_counts() -> None:
    affinity = WriteAffinity(30)
    affinity.wrote(b"ann", Arm.LEGACY, now=0)
    affinity.wrote(b"ann", Arm.NEW, now=20)
    assert affinity.arm_of(b"ann", now=45) is Arm.NEW


def test_of_too_many_those_who_wrote_longest_ago_are_forgotten() -> None:
    affinity = WriteAffinity(30)
    for number in range(PINS_MOST):
        affinity.wrote(b"%d" % number, Arm.NEW, now=0)
    affinity.wrote(b"0", Arm.NEW, now=1)
    affinity.wrote(b"one more", Arm.NEW, now=1)
    assert affinity.arm_of(b"0", now=2) is Arm.NEW
    assert affinity.arm_of(b"1", now=2) is None
    assert affinity.arm_of(b"2", now=2) is Arm.NEW
