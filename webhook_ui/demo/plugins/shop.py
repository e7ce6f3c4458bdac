"""Shop: orders and customers of a shop that exists in the demo alone."""

from typing import Literal

from pydantic import BaseModel, Field

from webhook_ui import Trigger, hookimpl


class Order(BaseModel):
    """What every event of an order says."""

    order_id: str = Field(pattern=r"ORD-\d+")
    amount: int = Field(ge=0)  # cents
    currency: Literal["EUR", "USD", "GBP", "CHF"]
    customer: str


class Shipment(BaseModel):
    order_id: str = Field(pattern=r"ORD-\d+")
    parcels: int = Field(ge=1)
    carrier: str


class UserDeleted(BaseModel):
    id: int
    reason: str = ""


ORDER = {"order_id": "ORD-88213", "amount": 12990, "currency": "EUR", "customer": "Zoë Ångström"}
SHIPMENT = {"order_id": "ORD-88213", "parcels": 2, "carrier": "Nordic Freight"}


@hookimpl
def register_triggers() -> list[Trigger]:
    """Called once at start."""
    return [
        Trigger("order.paid", "Order paid", "A customer has paid an order in full.", ORDER, Order),
        Trigger("order.shipped", "Order shipped", "An order has left the warehouse.", SHIPMENT, Shipment),
        Trigger("order.refunded", "Order refunded", "A customer got the money back.", ORDER, Order),
        Trigger("user.deleted", "User deleted", "An account was closed.", {"id": 7, "reason": "asked"}, UserDeleted),
    ]
