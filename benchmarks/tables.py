"""Write the README's tables, between their markers, from ``benchmarks/results``: ``python -m benchmarks.tables``."""

from __future__ import annotations

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)

Rows = list[dict[str, str]]


def read(name: str) -> Rows:
    """Return the rows of a results file."""
    with (RESULTS / f"siren_{name}.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def readme() -> str:
    """Return the README as the results say it must be."""
    parts = [_sizes(read("quality")), _storage(read("storage")), _speed(read("speed"))]
    text = (ROOT / "README.md").read_text()
    return _MARKED.sub(lambda marks: marks[1] + "\n\n".join(parts) + "\n" + marks[2], text)


def _sizes(rows: Rows) -> str:
    lines = [
        "| scene at 0.1 bpppb | preset | bytes | PSNR dB | mean band PSNR dB | SAM | encode s | decode s |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    chosen = [row for row in rows if row["asked_bpppb"] == "0.1"]
    lines += [
        f"| {row['scene']} | `{row['preset']}` | {int(row['bytes']):,} | {float(row['psnr_db']):.2f} | "
        f"{float(row['mean_band_psnr_db']):.2f} | {float(row['sam_degrees']):.2f}° | "
        f"{float(row['encode_s']):.0f} | {float(row['decode_s']):.2f} |"
        for row in sorted(chosen, key=lambda row: (row["scene"], row["preset"] == "balanced"))
    ]
    first = chosen[0]
    intro = (
        f"Measured on {first['cores']} cores of a shared machine, {_threads(first)} for the fit, {first['date']}. "
        "PSNR over all samples, with the scene's largest value as peak; every byte counted."
    )
    return "\n".join([intro, "", *lines])


def _storage(rows: Rows) -> str:
    found = {(row["scene"], row["asked_bpppb"], row["weight_bits"]): float(row["psnr_db"]) for row in rows}
    lines = ["| same bytes, preset `fast` | bpppb | float16 | 8 bits | 6 bits |", "|---|--:|--:|--:|--:|"]
    for scene, bpppb in dict.fromkeys((row["scene"], row["asked_bpppb"]) for row in rows):
        half, eight, six = (found[scene, bpppb, bits] for bits in ("16", "8", "6"))
        lines.append(
            f"| {scene} | {bpppb} | {half:.2f} dB | {eight:.2f} ({eight - half:+.2f}) | {six:.2f} ({six - half:+.2f}) |"
        )
    return "\n".join(lines)


def _speed(rows: Rows) -> str:
    lines = [
        "| Jasper Ridge, 0.15 bpppb, float16 | fitted for s | PSNR then | s to the PSNR compared at | paper takes |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        reached = float(row["seconds_to_reach_it"])
        times = float(row["paper_takes_times_longer"])
        lines.append(
            f"| `{row['preset']}` | {float(row['seconds_fitted']):.0f} | {float(row['psnr_at_the_end_db']):.2f} dB | "
            + (f"{reached:.0f} | {times:.1f} x |" if reached != float("inf") else "never | |")
        )
    intro = (
        "The paper's settings beside the presets, in one run; searches are counted for the presets and spared the "
        f"paper. Compared at {float(rows[0]['compared_at_psnr_db']):.2f} dB."
    )
    return "\n".join([intro, "", *lines])


def _threads(row: dict[str, str]) -> str:
    return "one thread" if row["torch_threads"] == "1" else f"{row['torch_threads']} threads"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme())
