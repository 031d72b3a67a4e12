"""A place to try, test and rehearse: worlds in which the cause is known, and faults to plant in them."""
