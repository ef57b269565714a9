"""The campaigns of the simulated grocery shop: who was mailed what, and which coupons came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["campaign_tables"]

_NOT_REDEEMED = 4
_MOST_NAMES = 6


def campaign_tables(
    mailed: pa.Table, described: pa.Table, coupons: pa.Table, redeemed: pa.Table, products: pa.Table
) -> Iterator[tuple[str, pa.Table]]:
    """Yield campaigns, exposures, coupons and offers.

    A campaign mails dozens of coupons to each household and few come back, so `offers` holds all that came back and, for
    each household and campaign, four drawn from those that did not.
    """
    start = described["start_date"].cast(pa.timestamp("s"), safe=False)
    days = (described["end_date"].to_numpy() - described["start_date"].to_numpy()).astype("timedelta64[D]").astype(int)
    yield (
        "campaigns",
        pa.table(
            {"campaign_id": described["campaign_id"], "type": described["campaign_type"], "start": start, "days": days}
        ),
    )
    mailed = mailed.sort_by([("campaign_id", "ascending"), ("household_id", "ascending")])
    back = set(zip(redeemed["household_id"].to_pylist(), redeemed["campaign_id"].to_pylist(), strict=True))
    pairs = list(zip(mailed["household_id"].to_pylist(), mailed["campaign_id"].to_pylist(), strict=True))
    starts = dict(zip(described["campaign_id"].to_pylist(), start.to_pylist(), strict=True))
    exposures = pa.table(
        {
            "household_id": mailed["household_id"],
            "campaign_id": mailed["campaign_id"],
            "start": pa.array([starts[campaign] for _, campaign in pairs], pa.timestamp("s")),
            "responded": pa.array([int(pair in back) for pair in pairs], pa.int8()),
        }
    )
    yield "exposures", exposures.sort_by([("start", "ascending"), ("household_id", "ascending")])
    yield "coupons", _coupons(coupons, products)
    yield "offers", _offers(pairs, coupons, redeemed, starts)


def _name(campaign: int, upc: int) -> str:
    """Name a coupon: the same code mailed again is another offer."""
    return f"{campaign}-{upc}"


def _coupons(coupons: pa.Table, products: pa.Table) -> pa.Table:
    """Describe each coupon of each campaign by the products it is good for."""
    words = products.select(["product_id", "department", "category"])
    joined = coupons.join(words, "product_id", join_type="left outer")
    groups = (
        joined.group_by(["campaign_id", "coupon_upc"])
        .aggregate([("product_id", "count"), ("department", "list"), ("category", "list")])
        .sort_by([("campaign_id", "ascending"), ("coupon_upc", "ascending")])
    )
    keys = zip(groups["campaign_id"].to_pylist(), groups["coupon_upc"].to_pylist(), strict=True)
    return pa.table(
        {
            "coupon_id": pa.array([_name(campaign, upc) for campaign, upc in keys], pa.string()),
            "campaign_id": groups["campaign_id"],
            "products": groups["product_id_count"].cast(pa.int32()),
            "departments": pa.array([_commonest(row) for row in groups["department_list"].to_pylist()], pa.string()),
            "categories": pa.array([_commonest(row) for row in groups["category_list"].to_pylist()], pa.string()),
        }
    )


def _commonest(values: list[str | None]) -> str | None:
    """Join the commonest values; ties in the order of the alphabet."""
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    return "|".join(ordered[:_MOST_NAMES]) or None


def _offers(pairs: list[tuple[int, int]], coupons: pa.Table, redeemed: pa.Table, starts: dict[int, object]) -> pa.Table:
    """Pair each mailed household with its redeemed coupons and a few of the others."""
    of_campaign: dict[int, list[int]] = {}
    distinct = coupons.group_by(["campaign_id", "coupon_upc"]).aggregate([])
    distinct = distinct.sort_by([("campaign_id", "ascending"), ("coupon_upc", "ascending")])
    for campaign, upc in zip(distinct["campaign_id"].to_pylist(), distinct["coupon_upc"].to_pylist(), strict=True):
        of_campaign.setdefault(campaign, []).append(upc)
    used: dict[tuple[int, int], set[int]] = {}
    columns = (redeemed[name].to_pylist() for name in ("household_id", "campaign_id", "coupon_upc"))
    for household, campaign, upc in zip(*columns, strict=True):
        used.setdefault((household, campaign), set()).add(upc)

    random = np.random.default_rng(17)
    rows: list[tuple[int, str, object, int]] = []
    for household, campaign in pairs:
        taken = used.get((household, campaign), set())
        left = [upc for upc in of_campaign.get(campaign, []) if upc not in taken]
        drawn = random.permutation(len(left))[:_NOT_REDEEMED]
        rows += [(household, _name(campaign, upc), starts[campaign], 1) for upc in sorted(taken)]
        rows += [(household, _name(campaign, left[i]), starts[campaign], 0) for i in sorted(drawn)]
    household_id, coupon_id, start, label = zip(*rows, strict=True)
    offers = pa.table(
        {
            "household_id": pa.array(household_id, pa.int64()),
            "coupon_id": pa.array(coupon_id, pa.string()),
            "start": pa.array(start, pa.timestamp("s")),
            "redeemed": pa.array(label, pa.int8()),
        }
    )
    known = pc.is_in(offers["coupon_id"], pa.array([_name(c, u) for c in of_campaign for u in of_campaign[c]]))
    return offers.filter(known).sort_by([("start", "ascending"), ("household_id", "ascending"), ("coupon_id", "ascending")])
