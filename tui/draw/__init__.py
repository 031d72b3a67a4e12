"""What screens show, as lines of text: pure functions of what the journal tells and the width there is."""
