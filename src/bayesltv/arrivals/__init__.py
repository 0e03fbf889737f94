"""Who is still to come: new customers by week, and what the business will bring with them."""
