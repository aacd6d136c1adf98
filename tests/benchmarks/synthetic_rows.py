"""Rows as a measurement would write them, with figures chosen by hand."""

import math

from benchmarks import results

SAMPLES = 1_000_000


def row(scene, codec, asked, psnr, **columns):
    """Return a row whose stream takes just what was asked for; `columns` overrides what is in it."""
    size = round(SAMPLES * (asked or 8) / 8)
    return (
        dict.fromkeys(results.COLUMNS, "")
        | {
            "scene": scene,
            "codec": codec,
            "asked_bpppb": "" if asked is None else f"{asked:g}",
            "status": "ok",
            "bytes": str(size),
            "bpppb": f"{size * 8 / SAMPLES:.5f}",
            "psnr_db": f"{psnr:.4f}",
            "peak": "5437",
            "mean_band_psnr_db": f"{psnr - 2:.4f}",
            "sam_mean_degrees": f"{100 / psnr:.5f}",
            "sam_p99_degrees": f"{400 / psnr:.5f}",
            "max_error": "1234",
            "encode_s": "400.000",
            "encode_cpu_s": "250.000",
            "decode_s": "0.0500",
            "cores": "2",
            "threads": "1",
            "device": "cpu",
            "versions": "numpy 2.4.1, python 3.11.7",
            "date": "2026-11-03",
        }
        | columns
    )


def curve(scene, codec, at_a_tenth, rates=results.RATES, **columns):
    """Return a codec's rows over the rates: 10 dB for every factor of 10."""
    return [row(scene, codec, rate, at_a_tenth + 10 * math.log10(rate / 0.1), **columns) for rate in rates]


def out_of_reach(scene, codec, asked):
    """Return the row of a stream that cannot be so small."""
    named = {"scene": scene, "codec": codec, "asked_bpppb": f"{asked:g}", "status": "out of reach: 99 bytes at least"}
    return dict.fromkeys(results.COLUMNS, "") | named


def store(rows, folder, monkeypatch):
    """Make `rows` the results that are read from now on."""
    monkeypatch.setattr(results, "FOLDER", folder)
    results.write("rate_distortion", rows, results.COLUMNS)
