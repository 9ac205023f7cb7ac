"""Pictures of quality: real dances beside a checkpoint's, as plots, a page with moving figures, and videos."""
