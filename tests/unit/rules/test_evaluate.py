"""From rules and a chart to findings: which degree holds, how urgent it is, and what is left open."""

from itertools import permutations

import pytest

from cds_service.clinical.codes import Indicator, Ref
from cds_service.clinical.model import Patient, Why
from cds_service.rules import conditions as c
from cds_service.rules.evaluate import Finding, Rule, Tier, evaluate, find, settle
from tests.unit.rules.charts import (
    ADULT,
    ALT,
    BACLOFEN,
    DANTROLENE,
    ORAL_DANTROLENE,
    between,
    bounds,
    chart,
    lapsed,
    order,
    paused,
    planned,
    problem,
    result,
    stop,
    takes,
    took,
    unread,
)

CRITICAL, WARNING, INFO = Indicator.CRITICAL, Indicator.WARNING, Indicator.INFO
NO_LABS, NO_RECORD, NO_PROBLEMS = unread("results"), unread("medications"), unread("conditions")

PAIR = c.Together(DANTROLENE, BACLOFEN)
DYSPHAGIA = c.HasProblem("dysphagia")
TESTED = c.ResultWithin(ALT, 90)
ORDERED = c.Ordering(DANTROLENE)


ONE_DEGREE = (Tier(WARNING),)


def rule(*when, tiers=ONE_DEGREE, unless=(), name="a-rule", **more):
    return Rule(name, when, tuple(unless), tuple(tiers), **more)


def refs(items):
    return [item.ref for item in items]


# -- holds, fails, undecided -----------------------------------------------------------------------------------------

UNTESTED = rule(ORDERED, unless=[TESTED])
DRAFT = order("dantrolene", ref="d")


def test_a_rule_holds_when_every_line_does_and_no_exception():
    finding = find(UNTESTED, chart(drafts=[DRAFT]))
    assert finding == Finding(UNTESTED, 0, WARNING, (DRAFT,), (DRAFT,))


@pytest.mark.parametrize(
    "situation",
    [
        chart(drafts=[DRAFT], results=[result("ALT")]),
        chart(drafts=[order("baclofen")]),
        chart(drafts=[order("baclofen")], results=[NO_LABS]),
    ],
    ids=["its exception holds", "a line fails", "a line fails, whatever else is unknown"],
)
def test_a_rule_that_surely_does_not_hold_leaves_no_finding(situation):
    assert find(UNTESTED, situation) is None


def test_an_exception_that_cannot_be_decided_leaves_the_rule_undecided():
    finding = find(UNTESTED, chart(drafts=[DRAFT], results=[NO_LABS]))
    assert finding == Finding(UNTESTED, evidence=(DRAFT,), orders=(DRAFT,), gaps=(NO_LABS,))


def test_an_exception_that_holds_decides_whatever_the_others_leave_open():
    two = rule(ORDERED, unless=[TESTED, DYSPHAGIA])
    assert find(two, chart(drafts=[DRAFT], results=[NO_LABS], problems=[problem("dysphagia")])) is None
    assert find(two, chart(drafts=[DRAFT], results=[NO_LABS])).gaps == (NO_LABS,)


def test_a_line_and_an_exception_that_are_both_open_name_both_gaps():
    situation = chart(drafts=[DRAFT], record=[NO_RECORD], results=[NO_LABS])
    finding = find(rule(PAIR, unless=[TESTED]), situation)
    assert (finding.tier, finding.indicator, finding.gaps) == (None, None, (NO_RECORD, NO_LABS))


SPOKEN_ANYWAY = rule(ORDERED, unless=[TESTED], shown_if_undecided=True)


@pytest.mark.parametrize(
    ("results", "tier"),
    [([NO_LABS], 0), ([], 0), ([result("ALT")], None), ([NO_LABS, result("ALT")], None)],
    ids=["cannot be decided", "fails", "holds", "holds, and more is unknown"],
)
def test_a_card_may_speak_although_its_exception_cannot_be_decided(results, tier):
    finding = find(SPOKEN_ANYWAY, chart(drafts=[DRAFT], results=results))
    assert (finding and finding.tier) == tier
    assert finding is None or finding.gaps == ()


def test_a_card_that_speaks_anyway_still_needs_its_own_lines():
    spoken = rule(PAIR, unless=[TESTED], shown_if_undecided=True)
    finding = find(spoken, chart(drafts=[DRAFT], record=[NO_RECORD], results=[NO_LABS]))
    assert (finding.tier, finding.gaps) == (None, (NO_RECORD,))


def test_a_dose_of_a_draft_whose_route_nobody_says_is_not_checked():
    too_much = Tier(CRITICAL, (c.DailyDose(ORAL_DANTROLENE, bounds(above=400)),))
    maximum = rule(c.Ordering(ORAL_DANTROLENE), tiers=[too_much])
    finding = find(maximum, chart(drafts=[order("dantrolene", dose=900, route=None, ref="d")]))
    assert finding is not None
    assert [(gap.where, gap.why) for gap in finding.gaps] == [("d", Why.NO_ROUTE)]


@pytest.mark.parametrize(
    ("condition", "drafts", "record"),
    [
        (c.SinceDoseIncrease(DANTROLENE, bounds(at_least=28)), [DRAFT], [takes("dantrolene", since=None)]),
        (
            c.Running(BACLOFEN, bounds(above=7)),
            [stop("baclofen", since=None)],
            [took("baclofen", since=500, until=400), NO_RECORD],
        ),
    ],
    ids=["the last increase of an undated therapy", "how long it runs that a stop order proves, after an older one"],
)
def test_what_cannot_be_decided_is_never_silence(condition, drafts, record):
    finding = find(rule(condition), chart(drafts=drafts, record=record))
    assert finding.tier is None
    assert finding.gaps
    assert Why.RULE_FAILED not in {gap.why for gap in finding.gaps}


def test_what_is_open_for_no_reason_is_a_mistake_of_ours_and_not_silence():
    finding = find(rule(c.Sex("male"), name="men"), chart(patient=Patient(Ref("p"))))
    assert (finding.tier, [(gap.where, gap.why) for gap in finding.gaps]) == (None, [("men", Why.RULE_FAILED)])


# -- degrees ---------------------------------------------------------------------------------------------------------

HIGH = c.Newest(ALT, bounds(at_least=3), in_uln=True)
DEGREES = rule(
    ORDERED,
    tiers=[Tier(CRITICAL, (HIGH,)), Tier(WARNING, (DYSPHAGIA,)), Tier(INFO, (), (c.Sex("male"),))],
)


@pytest.mark.parametrize(
    ("said", "tier", "indicator", "gaps"),
    [
        ({"results": [result("ALT", xuln=3)]}, 0, CRITICAL, ()),
        ({"results": [result("ALT", xuln=3)], "problems": [problem("dysphagia")]}, 0, CRITICAL, ()),
        ({"problems": [problem("dysphagia")]}, 1, WARNING, ()),
        ({}, 2, INFO, ()),
        ({"results": [NO_LABS], "problems": [problem("dysphagia")]}, 1, WARNING, (NO_LABS,)),
        ({"results": [NO_LABS], "problems": [NO_PROBLEMS]}, 2, INFO, (NO_LABS, NO_PROBLEMS)),
        ({"results": [result("ALT", xuln=3)], "problems": [NO_PROBLEMS]}, 0, CRITICAL, ()),
        (
            {"results": [NO_LABS], "patient": Patient(Ref("p"), gaps=(unread("patient"),))},
            None,
            None,
            (NO_LABS, unread("patient")),
        ),
        ({"results": [NO_LABS], "patient": Patient(Ref("p"), "male")}, None, None, (NO_LABS,)),
    ],
    ids=[
        "the first",
        "the first of two that hold",
        "the second",
        "the last",
        "the second, the first is open",
        "the last, two are open",
        "the first, a milder one is open",
        "none, two are open",
        "none, the first is open and the last fails",
    ],
)
def test_the_first_degree_that_holds_decides_and_worse_ones_that_are_open_leave_their_gap(said, tier, indicator, gaps):
    finding = find(DEGREES, chart(drafts=[DRAFT], **said))
    assert (finding.tier, finding.indicator, finding.gaps) == (tier, indicator, gaps)


def test_no_degree_that_holds_is_no_finding():
    assert find(DEGREES, chart(drafts=[DRAFT], patient=Patient(Ref("p"), "male"))) is None


def test_an_equally_urgent_degree_that_is_open_could_have_said_more():
    two = rule(ORDERED, tiers=[Tier(WARNING, (HIGH,)), Tier(WARNING)])
    assert find(two, chart(drafts=[DRAFT], results=[NO_LABS])).gaps == (NO_LABS,)


def test_a_gap_that_several_degrees_meet_is_named_once():
    often = rule(ORDERED, tiers=[Tier(CRITICAL, (HIGH,)), Tier(CRITICAL, (HIGH, DYSPHAGIA)), Tier(INFO)])
    situation = chart(drafts=[DRAFT], results=[NO_LABS], problems=[problem("dysphagia")])
    assert find(often, situation).gaps == (NO_LABS,)
    assert find(rule(ORDERED, tiers=often.tiers[:2]), situation).gaps == (NO_LABS,)


def test_a_degree_that_holds_does_not_decide_while_the_rule_is_open():
    finding = find(rule(PAIR, tiers=[Tier(CRITICAL), Tier(INFO)]), chart(drafts=[DRAFT], record=[NO_RECORD]))
    assert (finding.tier, finding.gaps) == (None, (NO_RECORD,))


def test_no_degree_can_hold_while_the_rule_is_open_is_silence():
    only_men = rule(PAIR, tiers=[Tier(WARNING, (c.Sex("male"),))])
    assert find(only_men, chart(drafts=[DRAFT], record=[NO_RECORD])) is None


def test_the_conditions_of_rule_and_degree_prove_it_together_each_once():
    twice = rule(PAIR, ORDERED, tiers=[Tier(CRITICAL, (DYSPHAGIA,))])
    record, problems = [takes("baclofen", ref="b")], [problem("dysphagia")]
    assert refs(find(twice, chart(drafts=[DRAFT], record=record, problems=problems)).evidence) == [
        "d",
        "b",
        "Condition/dysphagia",
    ]


def test_a_finding_is_about_the_selected_drafts_among_its_evidence():
    drafts = [
        order("baclofen", ref="beside", selected=False),
        order("dantrolene", ref="d"),
        order("dantrolene", ref="e"),
        order("metoprolol", ref="other"),
    ]
    record = [takes("baclofen", ref="b")]
    finding = find(rule(PAIR), chart(drafts=drafts, record=record))
    assert refs(finding.evidence) == ["d", "e", "beside"]  # the draft speaks for the order that it renews
    assert refs(finding.orders) == ["d", "e"]


def test_a_finding_without_a_draft_is_about_none():
    assert find(rule(c.Running(DANTROLENE)), chart(record=[takes("dantrolene")], hook="patient-view")).orders == ()


def test_a_stop_order_among_the_evidence_is_what_the_finding_is_about():
    ending = rule(c.Ending(BACLOFEN, frozenset(c.EndedBy)))
    finding = find(ending, chart(drafts=[stop("baclofen", ref="s")], record=[takes("baclofen")]))
    assert refs(finding.orders) == ["s"]


# -- words that belong to the finding --------------------------------------------------------------------------------


def test_factors_that_hold_are_told_by_their_place_and_decide_nothing():
    with_factors = rule(ORDERED, factors=(DYSPHAGIA, c.Sex("female"), TESTED, c.Sex("male")))
    situation = chart(drafts=[DRAFT], results=[NO_LABS])
    assert find(with_factors, situation).factors == (1,)
    assert find(with_factors, situation).gaps == ()
    assert find(with_factors, chart(drafts=[DRAFT], problems=[problem("dysphagia")])).factors == (0, 1)


def test_a_gap_that_is_itself_the_reason_is_not_left_open():
    start = rule(
        tiers=[
            Tier(CRITICAL, (c.Starting(DANTROLENE),)),
            Tier(WARNING, (c.StartUnknown(DANTROLENE),)),
        ]
    )
    finding = find(start, chart(drafts=[DRAFT], record=[NO_RECORD]))
    assert (finding.tier, finding.gaps) == (1, ())
    elsewhere = rule(tiers=[Tier(CRITICAL, (HIGH,)), *start.tiers])
    finding = find(elsewhere, chart(drafts=[DRAFT], record=[NO_RECORD], results=[NO_LABS]))
    assert (finding.tier, finding.gaps) == (2, (NO_LABS,))


# -- paused, provisional ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indicator", "partner", "shown"),
    [
        (CRITICAL, takes("baclofen"), CRITICAL),
        (CRITICAL, paused("baclofen"), WARNING),
        (CRITICAL, lapsed("baclofen"), WARNING),
        (CRITICAL, planned("baclofen"), CRITICAL),
        (WARNING, paused("baclofen"), INFO),
        (INFO, paused("baclofen"), INFO),
    ],
)
def test_a_paused_partner_counts_one_level_lower(indicator, partner, shown):
    finding = find(rule(PAIR, tiers=[Tier(indicator)]), chart(drafts=[DRAFT], record=[partner]))
    assert finding.indicator is shown
    assert not finding.renewal


@pytest.mark.parametrize(
    ("indicator", "provisional", "shown"),
    [
        (CRITICAL, False, CRITICAL),
        (CRITICAL, True, WARNING),
        (WARNING, True, WARNING),
        (INFO, True, INFO),
    ],
)
def test_a_provisional_diagnosis_is_a_warning_at_most(indicator, provisional, shown):
    problems = [problem("dysphagia", provisional=provisional)]
    finding = find(rule(ORDERED, DYSPHAGIA, tiers=[Tier(indicator)]), chart(drafts=[DRAFT], problems=problems))
    assert finding.indicator is shown


def test_a_paused_partner_and_a_provisional_diagnosis_lower_and_cap():
    both = rule(PAIR, DYSPHAGIA, tiers=[Tier(CRITICAL)])
    problems = [problem("dysphagia", provisional=True)]
    assert find(both, chart(drafts=[DRAFT], record=[paused("baclofen")], problems=problems)).indicator is WARNING


def test_what_is_open_is_measured_by_the_degree_not_by_what_became_of_it():
    two = rule(PAIR, tiers=[Tier(INFO, (HIGH,)), Tier(WARNING)])
    finding = find(two, chart(drafts=[DRAFT], record=[paused("baclofen")], results=[NO_LABS]))
    assert (finding.indicator, finding.gaps) == (INFO, ())


# -- renewals [dec 13] -----------------------------------------------------------------------------------------------

BEFORE = takes("dantrolene", since=100, ref="before")
LOWERED = rule(PAIR, tiers=[Tier(CRITICAL, (DYSPHAGIA,)), Tier(WARNING)], lowered_on_renewal=True)
MILD = rule(PAIR, tiers=[Tier(INFO)], lowered_on_renewal=True)


@pytest.mark.parametrize(
    ("drafts", "record", "problems", "shown", "renewal"),
    [
        ([DRAFT], [BEFORE, takes("baclofen", since=200)], [], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=100)], [], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=99)], [], WARNING, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=None)], [], WARNING, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=between(130, 100))], [], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=between(130, 99))], [], WARNING, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=50), took("baclofen", since=200, until=50)], [], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=50), took("baclofen", since=200, until=81)], [], WARNING, False),
        ([DRAFT], [BEFORE, paused("baclofen", since=200)], [], INFO, True),
        ([DRAFT], [BEFORE, planned("baclofen")], [], WARNING, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=200)], [problem("dysphagia", 200)], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=200)], [problem("dysphagia", 100)], INFO, True),
        ([DRAFT], [BEFORE, takes("baclofen", since=200)], [problem("dysphagia", 99)], CRITICAL, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=200)], [problem("dysphagia")], CRITICAL, False),
        ([DRAFT], [BEFORE, takes("baclofen", since=99)], [problem("dysphagia", 200)], CRITICAL, False),
        ([DRAFT], [takes("baclofen", since=200)], [], WARNING, False),
        ([DRAFT], [took("dantrolene", until=20), takes("baclofen", since=200)], [], WARNING, False),
        ([order("dantrolene", dose=31)], [BEFORE, takes("baclofen", since=200)], [], WARNING, False),
        ([order("dantrolene", dose=None)], [BEFORE, takes("baclofen", since=200)], [], WARNING, False),
        (
            [DRAFT],
            [takes("dantrolene", since=100, written=between(101, 90)), takes("baclofen", since=90)],
            [],
            INFO,
            True,
        ),
        (
            [DRAFT],
            [takes("dantrolene", since=300, written=100), takes("baclofen", since=150)],
            [],
            INFO,
            True,
        ),
        ([DRAFT], [takes("dantrolene", since=None), takes("baclofen", since=200)], [], WARNING, False),
        (
            [order("dantrolene", renews=["before"]), order("baclofen", renews=["b"])],
            [BEFORE, takes("baclofen", since=200, ref="b")],
            [],
            INFO,
            True,
        ),
        ([DRAFT, order("baclofen")], [BEFORE], [], WARNING, False),
        ([DRAFT, order("baclofen", dose=31)], [BEFORE, takes("baclofen", since=200)], [], WARNING, False),
        ([DRAFT, order("baclofen", selected=False)], [BEFORE, takes("baclofen", since=200)], [], INFO, True),
        ([DRAFT, order("baclofen", selected=False)], [BEFORE, takes("baclofen", since=99)], [], WARNING, False),
        ([DRAFT, order("baclofen", selected=False)], [BEFORE], [], WARNING, False),
        (
            [DRAFT, order("baclofen", dose=31, selected=False)],
            [BEFORE, takes("baclofen", since=200)],
            [],
            WARNING,
            False,
        ),
    ],
    ids=[
        "the partner was there before",
        "the partner came on the day of the order",
        "the partner came a day later",
        "the partner has no date",
        "the partner came in a month before",
        "the partner came in a month that may be later",
        "a newer order of a partner taken before",
        "a partner taken up again after a pause",
        "a paused partner was there before",
        "a partner to come",
        "the factor was there before",
        "the factor came on the day of the order",
        "the factor came a day later",
        "the factor has no date",
        "the partner is newer than the factor",
        "a first order",
        "an order after the end",
        "a higher dose",
        "an unknown dose",
        "the order before was written in some month",
        "the order before began earlier than it was written",
        "the order before has no date",
        "both are renewed",
        "one is renewed, the other is new",
        "one is renewed, the other raised",
        "the partner is renewed beside the selection",
        "the partner is renewed beside the selection, and newer",
        "the partner is ordered for the first time beside the selection",
        "the partner is raised beside the selection",
    ],
)
def test_an_unchanged_renewal_is_information_unless_something_is_new(drafts, record, problems, shown, renewal):
    finding = find(LOWERED, chart(drafts=drafts, record=record, problems=problems))
    assert (finding.indicator, finding.renewal) == (shown, renewal)


def test_of_two_renewals_the_older_order_tells_what_is_news():
    drafts = [order("dantrolene", renews=["before"]), order("baclofen", renews=["b"])]
    record = [BEFORE, takes("baclofen", since=200, ref="b")]
    for recorded, shown in ((150, CRITICAL), (200, INFO)):
        situation = chart(drafts=drafts, record=record, problems=[problem("dysphagia", recorded)])
        assert find(LOWERED, situation).indicator is shown


def test_two_renewals_that_name_no_prior_order_are_unchanged_too():
    record = [BEFORE, takes("baclofen", since=200)]
    assert find(LOWERED, chart(drafts=[DRAFT, order("baclofen")], record=record)).indicator is INFO


def test_a_partner_by_another_route_has_its_own_start():
    record = [BEFORE, takes("baclofen", since=50, route="intrathecal"), took("baclofen", since=200, until=60)]
    assert find(LOWERED, chart(drafts=[DRAFT], record=record)).indicator is WARNING


def test_a_partner_whose_route_nobody_says_is_as_old_as_the_medicine():
    record = [BEFORE, takes("baclofen", since=50, route=None), took("baclofen", since=200, until=60)]
    assert find(LOWERED, chart(drafts=[DRAFT], record=record)).indicator is INFO


def test_a_rule_that_is_never_lowered_warns_on_every_renewal():
    firm = rule(PAIR)
    finding = find(firm, chart(drafts=[DRAFT], record=[BEFORE, takes("baclofen", since=200)]))
    assert (finding.indicator, finding.renewal) == (WARNING, False)


def test_what_is_information_anyway_needs_no_lowering():
    finding = find(MILD, chart(drafts=[DRAFT], record=[BEFORE, takes("baclofen", since=200)]))
    assert (finding.indicator, finding.renewal) == (INFO, False)


def test_without_an_order_nothing_is_renewed():
    running = rule(c.Running(DANTROLENE), lowered_on_renewal=True)
    finding = find(running, chart(record=[takes("dantrolene")], hook="patient-view"))
    assert (finding.indicator, finding.renewal) == (WARNING, False)


def test_age_is_no_news_to_a_renewal():
    older_women = rule(ORDERED, c.Sex("female"), c.Age(bounds(at_least=40)), lowered_on_renewal=True)
    finding = find(older_women, chart(drafts=[DRAFT], record=[BEFORE], patient=ADULT))
    assert (finding.indicator, finding.renewal) == (INFO, True)


def test_a_newer_result_is_news_to_a_renewal():
    high = rule(ORDERED, HIGH, lowered_on_renewal=True)
    for taken, shown in ((100, INFO), (99, WARNING)):
        situation = chart(drafts=[DRAFT], record=[BEFORE], results=[result("ALT", taken, xuln=3)])
        assert find(high, situation).indicator is shown


@pytest.mark.parametrize(
    ("lowered", "drafts", "partner", "shown"),
    [
        (LOWERED, [DRAFT], takes("baclofen", since=200), None),
        (MILD, [DRAFT], takes("baclofen", since=200), None),
        (MILD, [DRAFT], takes("baclofen", since=10), INFO),
        (LOWERED, [DRAFT], takes("baclofen", since=10), WARNING),
        (LOWERED, [order("dantrolene", dose=60)], takes("baclofen", since=200), WARNING),
        (rule(PAIR), [DRAFT], takes("baclofen", since=200), WARNING),
    ],
    ids=[
        "nothing is new",
        "nothing is new, and it was information before",
        "the partner is new, and it is information",
        "the partner is new",
        "the dose is raised",
        "a rule that is never lowered",
    ],
)
def test_a_refill_says_nothing_that_was_true_before(lowered, drafts, partner, shown):
    finding = find(lowered, chart(drafts=drafts, record=[BEFORE, partner], hook="medication-refill"))
    assert (finding.indicator if finding else None) is shown


def test_a_refill_says_what_could_have_made_an_old_pair_urgent_and_not_the_pair():
    situation = chart(
        drafts=[DRAFT],
        record=[BEFORE, takes("baclofen", since=200)],
        problems=[NO_PROBLEMS],
        hook="medication-refill",
    )
    finding = find(LOWERED, situation)
    assert (finding.tier, finding.indicator, finding.gaps) == (None, None, (NO_PROBLEMS,))
    assert refs(finding.orders) == ["d"]


# -- many rules ------------------------------------------------------------------------------------------------------


class Broken:
    """A condition that no judge knows how to answer."""


def test_a_rule_that_raises_counts_as_not_checked_and_its_neighbours_still_run():
    broken = rule(Broken(), name="broken")
    rules = [rule(ORDERED, name="first"), broken, rule(DYSPHAGIA, name="silent"), rule(ORDERED, name="last")]
    findings = evaluate(rules, chart(drafts=[DRAFT]))
    assert [(one.rule.id, one.tier) for one in findings] == [("first", 0), ("broken", None), ("last", 0)]
    assert [(gap.where, gap.why) for gap in findings[1].gaps] == [("broken", Why.RULE_FAILED)]


def test_rules_whose_turn_comes_too_late_count_as_not_checked():
    answers = iter([True, False, False])
    rules = [rule(ORDERED, name="first"), rule(ORDERED, name="second"), rule(DYSPHAGIA, name="third")]
    findings = evaluate(rules, chart(drafts=[DRAFT]), in_time=lambda: next(answers))
    late = [(one.rule.id, one.gaps[0].why) for one in findings if one.tier is None]
    assert late == [("second", Why.OUT_OF_TIME), ("third", Why.OUT_OF_TIME)]
    assert findings[0].tier == 0


def finding(name, indicator=None, supersedes=()):
    one = rule(name=name, supersedes=frozenset(supersedes))
    return Finding(one, None if indicator is None else 0, indicator)


def names(findings):
    return [one.rule.id for one in findings]


def test_the_most_urgent_finding_comes_first_and_what_was_not_checked_last():
    findings = [
        finding("not-checked"),
        finding("b", INFO),
        finding("c", WARNING),
        finding("a", INFO),
        finding("d", CRITICAL),
    ]
    for mixed in permutations(findings):
        assert names(settle(mixed)) == ["d", "c", "a", "b", "not-checked"]


@pytest.mark.parametrize(
    ("findings", "heard"),
    [
        ([finding("specific", WARNING, ["general"]), finding("general", INFO)], ["specific"]),
        ([finding("specific", WARNING, ["general"]), finding("general", WARNING)], ["specific"]),
        ([finding("specific", WARNING, ["general"]), finding("general", CRITICAL)], ["general", "specific"]),
        ([finding("specific", None, ["general"]), finding("general", INFO)], ["general", "specific"]),
        ([finding("specific", WARNING, ["general"]), finding("general")], ["specific"]),
        ([finding("specific", WARNING, ["general"]), finding("other", INFO)], ["specific", "other"]),
        ([finding("specific", WARNING, ["a", "b"]), finding("a", INFO), finding("b", INFO)], ["specific"]),
        ([], []),
    ],
    ids=[
        "it says the same better, and more urgently",
        "it says the same better",
        "it is less urgent",
        "it could not be decided",
        "the general one could not be decided",
        "another problem",
        "two general ones",
        "nothing found",
    ],
)
def test_a_more_specific_finding_silences_a_general_one_only_when_it_holds(findings, heard):
    assert names(settle(tuple(findings))) == heard


def test_a_finding_never_prints_the_patient():
    shown = find(rule(ORDERED), chart(drafts=[order("dantrolene", ref="MedicationRequest/secret")]))
    assert repr(shown) == "<Finding a-rule tier=0 warning>"
    assert repr(finding("open")) == "<Finding open tier=None None>"


# -- once wrong -------------------------------------------------------------------------------------------------------


def test_sex_is_no_news_to_a_renewal():
    women = rule(ORDERED, c.Sex("female"), lowered_on_renewal=True)
    who = Patient(Ref("Patient/1"), "female", gaps=(unread("patient", Why.NO_BIRTH_DATE),))
    assert find(women, chart(drafts=[DRAFT], record=[BEFORE], patient=who)).indicator is INFO


@pytest.mark.parametrize(
    "prior",
    [
        took("dantrolene", since=900, until=800, ref="prior"),
        takes("dantrolene", since=900, ref="prior", route="injected"),
    ],
    ids=["ended two years ago", "by another route"],
)
def test_only_what_runs_by_the_same_route_is_renewed(prior):
    again = order("dantrolene", renews=["prior"])
    finding = find(LOWERED, chart(drafts=[again], record=[prior, takes("baclofen", since=1000)]))
    assert (finding.indicator, finding.renewal) == (WARNING, False)


def test_a_replacement_of_an_order_that_could_not_be_read_is_not_checked():
    replaced = rule(c.Running(BACLOFEN), c.Ending(BACLOFEN, frozenset(c.EndedBy)))
    instead = order("dantrolene", renews=["MedicationRequest/unread"])
    assert find(replaced, chart(drafts=[instead], record=[NO_RECORD])) is not None
