"""Products with rounded factors: which are rounded, how, and what the table makes of the figures."""

import pytest
import torch

from benchmarks.speed import precision
from benchmarks.speed.precision import RoundedProducts

FINE = 1.0 + 2.0**-12
"""Is 1 in bfloat16."""


@pytest.mark.parametrize(
    ("product", "rounded"),
    [
        (lambda x: x @ x, 2.0),
        (lambda x: torch.bmm(x[None], x[None])[0], 2.0),
        (lambda x: torch.addmm(x, x, x), 2.0 + FINE),
        (lambda x: torch.baddbmm(x[None], x[None], x[None])[0], 2.0 + FINE),
    ],
    ids=["mm", "bmm", "addmm", "baddbmm"],
)
def test_factors_of_a_product_are_rounded_and_what_is_added_is_not(product, rounded):
    with RoundedProducts():
        found = product(torch.full((2, 2), FINE))
    assert found.tolist() == [[rounded] * 2] * 2


def test_products_of_a_backward_pass_are_rounded_too():
    left, right = torch.full((2, 2), FINE, requires_grad=True), torch.full((2, 2), FINE)
    with RoundedProducts() as products:
        (left @ right).sum().backward()
    assert products.count == 2
    assert left.grad.tolist() == [[2.0, 2.0]] * 2


def test_float64_and_all_that_is_no_product_stay_as_they_are():
    with RoundedProducts() as products:
        double = torch.full((2, 2), FINE, dtype=torch.float64)
        assert (double @ double)[0, 0] == 2 * FINE * FINE
        assert torch.full((2,), FINE).mul(1.0)[0] == FINE
    assert products.count == 0


def rows(*psnrs):
    return [
        dict.fromkeys(precision.COLUMNS, "1")
        | {"scene": "indian_pines_200", "model": "siren", "precision": name, "psnr_db": str(psnr)}
        for name, psnr in zip(precision.PRECISIONS, psnrs, strict=True)
    ]


@pytest.mark.parametrize(
    ("psnrs", "verdict"),
    [((40.0, 39.5), "They cost up to 0.50 dB, more than 0.02"), ((40.0, 39.99), "They cost no more than 0.010 dB")],
)
def test_the_page_says_whether_rounding_costs_too_much(psnrs, verdict):
    told = precision.table(rows(*psnrs))
    assert verdict in told
    assert f"| `siren` | {psnrs[0]:.2f} | {psnrs[1]:.2f} | {psnrs[1] - psnrs[0]:+.3f} |" in told
