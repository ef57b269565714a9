"""Every built-in relation between tasks through the shipped suite."""

from plait.tasks.relations.aitm import AITM
from plait.tasks.relations.dbmtl import DBMTL
from plait.tasks.relations.escm2 import ESCM2
from plait.tasks.relations.esmm import ESMM
from plait.tasks.relations.relation import Relation
from plait.testing import RelationContract


class TestESMM(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return ESMM()


class TestESCM2(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return ESCM2(width, [8], ESCM2.Settings())


class TestESCM2ByPropensity(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return ESCM2(width, [8], ESCM2.Settings(risk="ips"))


class TestAITM(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return AITM(width, parents, AITM.Settings())


class TestAITMWithoutCalibrator(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return AITM(width, parents, AITM.Settings(calibrator=0.0))


class TestAITMInExactOrder(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return AITM(width, parents, AITM.Settings(order="exact"))


class TestDBMTL(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return DBMTL(width, parents, DBMTL.Settings(layers=[16]))


class TestDBMTLInExactOrder(RelationContract):
    def build(self, width: int, parents: int) -> Relation:
        return DBMTL(width, parents, DBMTL.Settings(order="exact"))
