"""A whole shop in one SQL database: customers, orders, parcels, returns, points, coupons and the rules between them."""
