import subprocess
import sys

import pytest

import triangle


def test_base():
    assert triangle.base == 6


def test_height():
    assert triangle.height == pytest.approx(4.5)


def test_area():
    assert triangle.area == pytest.approx(13.5)


@pytest.mark.parametrize("base, height, area", [(2, 3, 3), (0, 5, 0)])
def test_area_of(base, height, area):
    assert triangle.area_of(base, height) == pytest.approx(area)


def test_a_side_below_zero_is_refused():
    with pytest.raises(ValueError):
        triangle.area_of(-1, 2)


def test_halvings():
    assert triangle.halvings(8, 1) == 3
    assert triangle.halvings(1, 2) == 0


def test_prints_the_area():
    run = subprocess.run([sys.executable, "triangle.py"], capture_output=True, text=True, timeout=4)
    assert "area=13.50" in run.stdout
