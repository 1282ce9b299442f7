"""Formats to and from the data contract; the only subpackage that knows a file format."""

from hrtem_lab.files.convert import ImageLike, to_micrograph
from hrtem_lab.files.datasets import GROSCHNER_PX, write_folder, write_groschner
from hrtem_lab.files.formats import SUFFIXES
from hrtem_lab.files.image_table import ImageTable, find_image_table, read_calibration
from hrtem_lab.files.inputs import find_inputs
from hrtem_lab.files.label_values import Label, LabelRule
from hrtem_lab.files.labelled_output import label_path, write_label, write_label_table
from hrtem_lab.files.labelled_set import LabelledEntry, LabelledSet
from hrtem_lab.files.labels import find_label, read_label
from hrtem_lab.files.layouts.coco import CocoLayout
from hrtem_lab.files.layouts.folder import FolderLayout, read_labelled
from hrtem_lab.files.layouts.hdf5 import Hdf5Layout
from hrtem_lab.files.layouts.layout import Layout
from hrtem_lab.files.layouts.mixture import Mixture, PartOfMixture
from hrtem_lab.files.published import PublishedSet
from hrtem_lab.files.read import read
from hrtem_lab.files.regions import LeftOut, read_region
from hrtem_lab.files.results import find_outputs, read_outline, read_results, read_summary
from hrtem_lab.files.stacks import check_choice
from hrtem_lab.files.write import make_folder, write_json, write_mask, write_parquet, write_table

__all__ = [
    "GROSCHNER_PX",
    "SUFFIXES",
    "CocoLayout",
    "FolderLayout",
    "Hdf5Layout",
    "ImageLike",
    "ImageTable",
    "Label",
    "LabelRule",
    "LabelledEntry",
    "LabelledSet",
    "Layout",
    "LeftOut",
    "Mixture",
    "PartOfMixture",
    "PublishedSet",
    "check_choice",
    "find_image_table",
    "find_inputs",
    "find_label",
    "find_outputs",
    "label_path",
    "make_folder",
    "read",
    "read_calibration",
    "read_label",
    "read_labelled",
    "read_outline",
    "read_region",
    "read_results",
    "read_summary",
    "to_micrograph",
    "write_folder",
    "write_groschner",
    "write_json",
    "write_label",
    "write_label_table",
    "write_mask",
    "write_parquet",
    "write_table",
]
