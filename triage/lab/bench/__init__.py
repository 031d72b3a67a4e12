"""The open benchmark of the diagnosis: planted incidents with their truth, diagnosed as a customer's would be."""
