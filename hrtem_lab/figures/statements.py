"""Sentences that say what the tables of a population say, and claim no more."""

from __future__ import annotations

import math

import pandas as pd

from hrtem_lab.evaluation.contrasts import smallest_p
from hrtem_lab.evaluation.intervals import FEWEST
from hrtem_lab.evaluation.populations import NON_PARTICLE, SIZES
from hrtem_lab.micrograph import UNCERTAIN

ALPHA = 0.05
DIAMETER = SIZES[0]
NAMES = {
    "equivalent_diameter_nm": ("equivalent diameter", "nm"),
    "feret_max_nm": ("largest caliper", "nm"),
    "feret_min_nm": ("smallest caliper", "nm"),
    "area_nm2": ("area", "nm²"),
}


def counted(particles: pd.DataFrame, whole: pd.DataFrame) -> list[str]:
    """How many particles there are, and which of them count."""
    if particles.empty:
        return ["No particles: there is nothing to describe."]
    cut = int(particles["touches_edge"].sum())
    number = particles["micrograph"].nunique()
    line = f"{_plural(len(particles), 'particle')} in {_plural(number, 'micrograph')}, {len(whole)} of them described; "
    line += f"left out: {cut} cut by the edge"
    if "class" in particles:
        lumps = int((particles["class"].isin(NON_PARTICLE) & ~particles["touches_edge"]).sum())
        line += f", {lumps} called {' or '.join(NON_PARTICLE)}"
    lines = [f"{line}. Each counts by the inverse of its chance to be seen whole (Miles-Lantuéjoul)."]
    if "class" in whole and (unsure := int((whole["class"] == UNCERTAIN).sum())):
        lines.append(f"Of {unsure} of them the forest is uncertain: they count for sizes and shapes, not for faults.")
    if 0 < (number := whole["micrograph"].nunique()) < FEWEST:
        few = f"Only {_plural(number, 'micrograph')} with whole particles; an interval over micrographs needs {FEWEST}"
        lines.append(f"{few}: none is given, and nothing is claimed of how its particles differ or what goes together.")
    if "class" not in particles:
        lines.append("No classes in particles.csv (the model has no forest): nothing is said of faults.")
    return lines


def of_one(tables: dict[str, pd.DataFrame]) -> list[str]:
    """What one population is like."""
    size = of_all(tables["distributions"])
    if not size["particles"]:
        return ["No particle is seen whole: nothing can be said of sizes and shapes."]
    spread = (
        f", standard deviation {interval(size, 'sd', 'nm')}; log-normal fit: geometric mean "
        f"{interval(size, 'geometric_mean', 'nm')}, geometric standard deviation {interval(size, 'geometric_sd')}"
    )
    one = math.isnan(size["sd"])  # a single particle has no spread
    lines = [f"Equivalent diameter: mean {interval(size, 'mean', 'nm')}{'' if one else spread}."]
    if "faults" in tables:
        lines += _faults(tables["faults"].iloc[-1], tables["fault_differences"])
    if "expected_faults" in tables and not math.isnan((row := tables["expected_faults"].iloc[0])["fault_share"]):
        share = interval(row, "fault_share", bounds="")
        lines.append(f"By the probabilities of all {row['particles']:.0f}, the uncertain ones included: {share}.")
    return lines + _correlations(tables["correlations"])


def of_two(comparison: pd.DataFrame, name: str, other: str) -> list[str]:
    """How one population differs from another one."""
    row = comparison.iloc[0]
    numbers = int(row["micrographs"]), int(row["micrographs_other"])
    if (least := smallest_p(*numbers)) > ALPHA:
        return [
            f"{name} against {other}: with {numbers[0]} and {_plural(numbers[1], 'micrograph')} p cannot fall below "
            f"{least:.2g}, so that no difference can be claimed."
        ]
    return _differences(comparison, f"Particles of {name}", f"those of {other}")


def _faults(total: pd.Series, differences: pd.DataFrame) -> list[str]:
    if not total["particles"]:
        return ["No particle shows its lattice: nothing can be said of faults."]
    share = f"{interval(total, 'fault_share', bounds='')} of the particles whose lattice shows"
    lines = [f"Faults: {share} ({total['faults']} of {total['particles']} before the correction for the edge)."]
    if total["faults"] in (0, total["particles"]):
        return [*lines, "Faulted particles cannot be compared with others: all are of one kind."]
    return lines + _differences(differences, "Faulted particles", "those without a fault")


def _differences(table: pd.DataFrame, subject: str, others: str) -> list[str]:
    """A sentence for every difference that holds and for that of the size, and one for the rest."""
    lines, open_ = [], []
    for _, row in table.iterrows():
        quantity, sure = str(row["quantity"]), row["p_adjusted"] < ALPHA
        by, p = interval(row, "difference", unit(quantity), sign=-1 if row["difference"] < 0 else 1), _p(row)
        more = row["difference"] > 0
        if quantity == DIAMETER and sure:
            lines.append(f"{subject} are {'larger' if more else 'smaller'} than {others} by {by}; {p}.")
        elif sure:
            what = f"{'higher' if more else 'lower'} {named(quantity, '')}"
            lines.append(f"{subject} have a {what} than {others} by {by}; {p}.")
        else:
            open_.append(f"{named(quantity, '')} {interval(row, 'difference', unit(quantity))}")
    if open_:
        lines.append(f"{subject} against {others}, not established: {'; '.join(open_)}.")
    return lines


def _correlations(table: pd.DataFrame) -> list[str]:
    sure = table[table["p_adjusted"] < ALPHA]
    lines = []
    for _, row in sure.iterrows():
        names = " and ".join(named(str(row[end]), "") for end in ("first", "second"))
        value = interval(row, "correlation", bounds="")
        lines.append(f"Correlation of {names} ({row['kind']}): {value}; {_p(row)}.")
    rest = len(table) - len(sure)
    return [*lines, f"{rest} of {len(table)} correlations are not established."] if rest else lines


def of_all(distributions: pd.DataFrame) -> pd.Series:
    """The row of all particles' diameter."""
    asked = (distributions["class"] == "all") & (distributions["quantity"] == DIAMETER)
    return distributions[asked].iloc[0]


def named(quantity: str, brackets: str = "()") -> str:
    """A quantity in words, with its unit in the given brackets, if any."""
    name, of = NAMES.get(quantity, (quantity.replace("_", " "), ""))
    return f"{name} {brackets[0]}{of}{brackets[1]}" if of and brackets else name


def unit(quantity: str) -> str:
    """Its unit, empty where it has none."""
    return NAMES.get(quantity, ("", ""))[1]


def interval(
    row: pd.Series, column: str, of: str = "", bounds: str | None = None, sign: int = 1, level: str = "95 % "
) -> str:
    """`0.30 nm (95 % 0.12 to 0.47)`, to two digits of the interval's width; without the brackets where there is none.

    Args:
        row: Of a table.
        column: The value.
        of: Its unit.
        bounds: What `_low` and `_high` follow; the column where it is not given, nothing where it is empty.
        sign: -1 says how much less instead of how much more.
        level: What the brackets open with.
    """
    prefix = f"{column}_" if bounds is None else bounds
    ends = sorted(sign * row[f"{prefix}{end}"] for end in ("low", "high"))
    value, known = sign * row[column], not any(math.isnan(end) for end in ends)
    width = ends[1] - ends[0] if known else abs(value) / 25
    digits = min(max(1 - math.floor(math.log10(width)), 0), 4) if width > 0 and math.isfinite(width) else 2
    text = f"{value:.{digits}f}{' ' * bool(of)}{of}"
    return f"{text} ({level}{ends[0]:.{digits}f} to {ends[1]:.{digits}f})" if known else text


def _p(row: pd.Series) -> str:
    p = row["p_adjusted"]
    return f"corrected p {'< 0.001' if p < 0.001 else f'= {p:.2g}'}"


def _plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
