"""How the benchmarks print what they measured."""

import os


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """A heading and its figures; the load tells how much else the machine had to do."""
    print(f"\n## {title}  (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")
    for name, figure in rows:
        print(f"{name:<46}{figure:>24}")
