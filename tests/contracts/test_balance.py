"""Every built-in balancer through the shipped suite."""

from typing import ClassVar

from plait.balance import (
    COSMOS,
    CRMOGM,
    DBMTL,
    DWA,
    FAMO,
    IMTLG,
    IMTLL,
    MGDA,
    PBI,
    PCD,
    STCH,
    AlignedMTL,
    AutoLambda,
    Average,
    Balancer,
    BalanceSettings,
    CAGrad,
    ConFIG,
    Curriculum,
    DualProj,
    ExcessMTL,
    FairGrad,
    Feedback,
    Fixed,
    GeometricMean,
    GradDrop,
    GradNorm,
    GradVac,
    Krum,
    Maximum,
    MetaBalance,
    MoCo,
    MoDo,
    NashMTL,
    Pareto,
    PCGrad,
    RandomWeights,
    SDMGrad,
    Sum,
    TrimmedMean,
    Uncertainty,
    UPGrad,
    Validation,
    build_balancer,
)
from plait.testing import BalancerContract

NAMES = ["a", "b", "c"]


class Of(BalancerContract):
    """The suite for settings that a subclass names."""

    settings: ClassVar[BalanceSettings]

    def build(self, tasks: int) -> Balancer:
        return build_balancer(self.settings, NAMES[:tasks], [1.0] * tasks)


class TestAverage(Of):
    settings = Average.Settings()


class TestFixed(Of):
    settings = Fixed.Settings()


class TestMaximum(Of):
    settings = Maximum.Settings()


class TestUncertainty(Of):
    settings = Uncertainty.Settings()


class TestValidation(Of):
    settings = Validation.Settings()


class TestCurriculum(Of):
    settings = Curriculum.Settings()


class TestFeedback(Of):
    settings = Feedback.Settings()


class TestParetoLinear(Of):
    settings = Pareto.Settings(method="linear")


class TestParetoChebyshev(Of):
    settings = Pareto.Settings(method="chebyshev")


class TestSum(Of):
    settings = Sum.Settings()


class TestRandom(Of):
    settings = RandomWeights.Settings()
    symmetric = False


class TestGeometricMean(Of):
    settings = GeometricMean.Settings()
    scale_free = True


class TestSTCH(Of):
    settings = STCH.Settings()


class TestPBI(Of):
    settings = PBI.Settings()


class TestCOSMOS(Of):
    settings = COSMOS.Settings()


class TestDWA(Of):
    settings = DWA.Settings()


class TestFAMO(Of):
    settings = FAMO.Settings()


class TestIMTLL(Of):
    settings = IMTLL.Settings()


class TestUPGrad(Of):
    settings = UPGrad.Settings()


class TestUPGradAtParameters(Of):
    settings = UPGrad.Settings(at="parameters")


class TestDualProj(Of):
    settings = DualProj.Settings()


class TestPCGrad(Of):
    settings = PCGrad.Settings()
    symmetric = False


class TestGradVac(Of):
    settings = GradVac.Settings()
    symmetric = False


class TestPCD(Of):
    settings = PCD.Settings()
    symmetric = False


class TestMGDA(Of):
    settings = MGDA.Settings()


class TestCAGrad(Of):
    settings = CAGrad.Settings()


class TestNashMTL(Of):
    settings = NashMTL.Settings()
    scale_free = True


class TestFairGrad(Of):
    settings = FairGrad.Settings()
    scale_free = True


class TestIMTLG(Of):
    settings = IMTLG.Settings()
    scale_free = True


class TestConFIG(Of):
    settings = ConFIG.Settings()


class TestAlignedMTL(Of):
    settings = AlignedMTL.Settings()


class TestKrum(Of):
    settings = Krum.Settings()


class TestTrimmedMean(Of):
    settings = TrimmedMean.Settings()


class TestGradDrop(Of):
    settings = GradDrop.Settings()
    symmetric = False


class TestExcessMTL(Of):
    settings = ExcessMTL.Settings()


class TestExcessMTLAtParameters(Of):
    settings = ExcessMTL.Settings(at="parameters")


class TestMoDo(Of):
    settings = MoDo.Settings()


class TestSDMGrad(Of):
    settings = SDMGrad.Settings()


class TestCRMOGM(Of):
    settings = CRMOGM.Settings()


class TestGradNorm(Of):
    settings = GradNorm.Settings()


class TestDBMTL(Of):
    settings = DBMTL.Settings()


class TestDBMTLAtParameters(Of):
    settings = DBMTL.Settings(at="parameters")


class TestMoCo(Of):
    settings = MoCo.Settings()


class TestMoCoAtParameters(Of):
    settings = MoCo.Settings(at="parameters")


class TestAutoLambda(Of):
    settings = AutoLambda.Settings()


class TestMetaBalance(Of):
    settings = MetaBalance.Settings()
    symmetric = False


class TestMetaBalanceAtParameters(Of):
    settings = MetaBalance.Settings(at="parameters")
    symmetric = False
