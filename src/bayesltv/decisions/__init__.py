"""From posteriors to money: actions, their profit and loss, and who gets which."""
