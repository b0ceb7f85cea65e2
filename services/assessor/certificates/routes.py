"""The API of the certificates."""

from __future__ import annotations

from fastapi import APIRouter

from services.assessor.certificates.schemas import CertificateList, listed
from services.assessor.state import Current, State

router = APIRouter(tags=["certificates"])


def certificates_of(state: State) -> CertificateList:
    """The certificates of an application, as it decides with them now."""
    table = state.assess.certificates
    return listed(table.loaded(), table.events)


@router.get("/v1/certificates")
async def certificates(state: Current) -> CertificateList:
    """The certificates of this assessor: their states, and every change with its reason."""
    return certificates_of(state)
