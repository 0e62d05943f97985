"""Small real data sets that ship with the package, each in a folder with its licence."""

from quickstudy.datasets.runs import RecordedRun, load_tau_airline
from quickstudy.datasets.text import Texts, load_banking77, load_clinc150

__all__ = ["RecordedRun", "Texts", "load_banking77", "load_clinc150", "load_tau_airline"]
