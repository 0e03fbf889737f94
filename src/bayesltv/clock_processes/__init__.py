"""The processes that a shared clock can follow: one file each, all with the same verbs."""
