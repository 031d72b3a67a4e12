"""Champion against challenger: offline on the same rows, in shadow, in a canary, and afterwards."""
