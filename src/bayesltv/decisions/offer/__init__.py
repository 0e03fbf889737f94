"""What is offered to whom: actions, what each brings and costs."""
