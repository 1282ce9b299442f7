"""Names of the features of a particle's lattice, and what each one measures."""

from __future__ import annotations

from hrtem_lab.particles.network_outputs import NETWORK_FEATURES
from hrtem_lab.particles.spectrum import BIN_PER_NM, bins_per_nm

SHAPE_FEATURES = {
    "equivalent_diameter_nm": "diameter of the disc of the same area, nm",
    "solidity": "area over that of the convex hull",
    "aspect_ratio": "largest over smallest caliper",
    "circularity": "4 pi area over squared perimeter",
    "eccentricity": "eccentricity of the ellipse of the same second moments",
}
INTENSITY_FEATURES = {
    "contrast": "mean inside less mean of the surround, in standard deviations of the surround",
    "std_ratio": "standard deviation inside over that of the surround",
    "skewness": "skewness of the intensity inside",
}
POWER_FEATURES = {
    f"power_{start:.2f}_per_nm": f"mean power from {start:.2f} to {start + BIN_PER_NM:.2f} nm^-1 over the surround's"
    for start in bins_per_nm()
}
PEAK_FEATURES = {
    "peak_count": "number of significant Bragg peaks, at most 6, one of each opposite pair",
    "ring_peak_count": "number of them at the strongest one's distance from zero; one fcc zone gives 2 {111}, a twin "
    "3, and a fault may split one",
    "peak1_contrast": "power of the strongest peak over the noise at its distance from zero, significant or not",
    "peak2_contrast": "the same of the second peak",
    "peak3_contrast": "the same of the third peak",
    "spacing_nm": "lattice spacing of the strongest peak, or of the one that it is a harmonic of, nm",
    "spacing_error_nm": "standard error of that spacing from noise alone, nm",
    "peak1_frequency_per_nm": "frequency of the strongest significant peak, nm^-1",
    "peak2_frequency_per_nm": "the same of the second significant peak, nm^-1",
    "peak2_ratio": "contrast of the second significant peak over that of the strongest",
    "peak_angle_deg": "angle between the two strongest peaks, 0 to 90 deg",
    "peak1_width_per_nm": "root mean square width of the strongest peak, nm^-1",
    "broadening_max": "largest width of a peak relative to a perfect lattice of this outline, three strongest peaks",
    "streak_max": "largest ratio of that broadening along its two principal directions, three strongest peaks",
    "twin_misfit_deg": "deviation of the best three peaks of one ring from an fcc twin's 70.5 deg, deg",
    "mirror_symmetry": "largest correlation of the spectrum with its mirror image about a peak of the ring",
}
FRINGE_FEATURES = {
    "amplitude_cv_max": "standard deviation over mean of the local fringe amplitude, largest of three peaks",
    "amplitude_cv_min": "the same, smallest",
    "bimodality_max": "Sarle's coefficient of the fringe amplitude, largest of three peaks; 0.56 where evenly spread",
    "opposition": "largest anticorrelation of the amplitudes of two peaks of one ring over the particle: 1 for the two "
    "variants of a twin, which are strong in different parts, -1 for peaks of one crystal",
    "asymmetry_max": "dark-field contrast between two sides of a line, (a - b) / (a + b), largest of three peaks",
    "asymmetry_min": "the same, smallest",
    "phase_std_max_deg": "circular standard deviation of the fringes' phase about a plane, largest of three peaks, deg",
    "phase_std_min_deg": "the same, smallest, deg",
    "step_deg": "jump of the phase across the line that explains most, 120 for an fcc stacking fault, deg",
    "step_gain": "coherence that this jump explains, 0 for a perfect lattice to 0.5",
    "step_normal_deg": "angle from that line's normal to the nearest other peak; 0 for a fault seen edge-on, deg",
}
PLANAR_BREAK_FEATURES = {
    "break_gain": "improvement of all reflections' description by two amplitudes on two sides of a line, in sigma",
    "break_share": "part of the reflections' power that this line explains, 0 for one crystal",
    "break_phase": "part of that by phases: 0 in a twin, about 0.4 for a stacking fault, 1 at most",
    "break_weaker": "strongest reflection on the weaker side of that line, in sigma",
    "break_normal_deg": "angle from that line's normal to the nearest peak; 0 for a fault seen edge-on, deg",
    "turns": "significance with which one reflection is stronger on one side of a line and another one on the other, "
    "in sigma",
    "turns_share": "the weaker one's contrast between the sides, (a - b) / (a + b); 1 for the two variants of a twin",
    "turns_normal_deg": "angle from that line's normal to the nearest peak, deg",
    "fault_gain": "as break_gain, of lines along the planes of a peak, by the peaks of other planes, in sigma",
    "fault_share": "part of those peaks' power that the line explains",
    "fault_own_gain": "the same of the peak of these planes, which a fault on them does not break, in sigma",
    "fault_own_share": "part of that peak's power that the line explains",
    "mirror_turns": "as turns, of a peak and its mirror image about the normal of another one's planes, on a line "
    "along these planes, in sigma",
    "mirror_share": "the weaker one's contrast between the sides, 1 for a twin on these planes",
}
FAULT_FEATURES = {
    "line_gain": "improvement of the reflections' description by two lattices on two sides of a line along planes of "
    "the crystal, over one crystal of any thickness, in sigma",
    "line_share": "part of the reflections' power that this is, 0 for one crystal of any thickness",
    "line_evidence": "logarithm of that likelihood ratio less a penalty for the parameters that two lattices have more",
    "line_shift_gain": "improvement by a displacement on that line alone, as by a stacking fault, in sigma",
    "line_shift_share": "part of the reflections' power that this is",
    "line_certainty": "part of the likelihood of all lines that is within 0.3 nm and 5 deg of the best",
    "edge_gain": "as line_gain, of lines within 1 nm of the edge, in sigma",
    "edge_share": "part of the power between that line and the edge that one crystal does not explain",
}
FEATURE_FAMILIES = {
    "shape": SHAPE_FEATURES,
    "intensity": INTENSITY_FEATURES,
    "power": POWER_FEATURES,
    "peaks": PEAK_FEATURES,
    "maps": FRINGE_FEATURES,
    "halves": PLANAR_BREAK_FEATURES,
    "models": FAULT_FEATURES,
    "seen": NETWORK_FEATURES,
}
"""Features that measure much the same, by the name under which tables and figures list them together."""
FAMILY_QUESTIONS = {
    "shape": "size and outline",
    "intensity": "brightness against the support",
    "power": "strength of every spacing in the diffractogram",
    "peaks": "its spots: how many, at which spacings and angles, how sharp",
    "maps": "where in the particle each set of fringes is strong, and jumps of their phase",
    "halves": "one lattice, or another one on the other side of a line",
    "models": "one crystal of any thickness, or two lattices",
    "seen": "what the network saw",
}
"""Question that the features of each family ask, for readers of figures."""
LATTICE_FEATURES: dict[str, str] = {
    name: meaning for family in FEATURE_FAMILIES.values() for name, meaning in family.items()
}
"""Every column of `lattice_features` in order, and what it measures."""
IMAGE_FEATURES = tuple(name for name in LATTICE_FEATURES if name not in SHAPE_FEATURES | NETWORK_FEATURES)
"""Features that are measured in the image of a particle, in the order of `LATTICE_FEATURES`."""
