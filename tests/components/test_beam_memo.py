"""What Beam asks of objects is asked once of each, and no object is kept for it."""

import weakref

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.transforms import userstate
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from components import beam_memo


class Thing:
    __hash__ = None  # type: ignore[assignment]  # as of a class that has __eq__ alone


def test_a_function_is_called_once_for_each_object_and_arguments():
    calls = []
    function = beam_memo.remembering(lambda of, *more: calls.append((of, more)) or len(calls))
    first, second = Thing(), Thing()
    assert [function(first), function(first), function(first, 3), function(second)] == [1, 1, 2, 3]
    assert [function(second), function(first, 3)] == [3, 2]
    assert calls == [(first, ()), (first, (3,)), (second, ())]


def test_what_cannot_be_referred_to_weakly_is_asked_again():
    calls = []
    function = beam_memo.remembering(calls.append)
    function(1)
    function(1)
    assert calls == [1, 1]


def test_objects_are_not_kept_and_another_one_in_their_place_is_asked():
    function = beam_memo.remembering(lambda of: of.told)
    for told in range(50):  # CPython gives the memory of one to the next
        thing = Thing()
        thing.told = told
        assert function(thing) == told
        gone = weakref.ref(thing)
        del thing
        assert gone() is None


SEEN = beam.DoFn.StateParam(ReadModifyWriteStateSpec("seen", beam.coders.VarIntCoder()))


class Counts(beam.DoFn):
    def process(self, element, seen=SEEN):
        yield element


def test_beam_itself_answers_as_before():
    beam_memo.install()
    beam_memo.install()
    for _ in range(2):
        assert userstate.is_stateful_dofn(Counts())
        assert not userstate.is_stateful_dofn(beam.Map(str).fn)
    options = PipelineOptions(["--runner=FnApiRunner"])
    assert options.view_as(StandardOptions) is options.view_as(StandardOptions)
    options.view_as(StandardOptions).streaming = True
    assert options.view_as(StandardOptions).streaming is True
    assert options.view_as(StandardOptions).runner == "FnApiRunner"
    assert PipelineOptions([]).view_as(StandardOptions).streaming is False
