"""One instant of a customer: fold a fact, judge, compare with the alarms that stand."""
