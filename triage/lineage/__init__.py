"""Where a version came from, whether it can be made again, who was champion when: records in, results out."""
