"""One pass over a window makes one small summary per feature; summaries merge exactly."""
