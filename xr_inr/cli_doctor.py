"""``xr-inr doctor``: what is installed, and whether it works."""

from __future__ import annotations

import json

import click

from xr_inr.diagnosis import diagnose, versions


@click.command(short_help="Say what is installed and whether it works.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Print versions and devices, look for the codecs, decode built-in payloads; exit status 1 if it fails."""
    found, findings = versions(), list(diagnose())
    if as_json:
        checks = {finding.what: {"works": finding.works, "said": finding.said} for finding in findings}
        click.echo(json.dumps({"versions": found, "checks": checks}, indent=2))
    else:
        width = max(map(len, (*found, *(finding.what for finding in findings))))
        for name, version in found.items():
            click.echo(f"{name:<{width}}  {version}")
        click.echo()
        for finding in findings:
            click.echo(f"{finding.what:<{width}}  {'' if finding.works else 'BROKEN: '}{finding.said}")
    broken = [f"{finding.what}: {finding.said}" for finding in findings if not finding.works]
    if broken:
        raise click.ClickException("; ".join(broken))
