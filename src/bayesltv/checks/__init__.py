"""Each check: data and posterior to one result; failing sampler checks gate scoring."""
