"""From evidence to ranked causes, and from causes to a plan. Pure."""
