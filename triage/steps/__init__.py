"""One step of a playbook per file; `triage.step` describes what a step is."""
