"""A delivery as a HAR file for whoever is signed in; what the log masks is masked there too."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from webhook_ui import __version__, har, ids, times
from webhook_ui.database import Database
from webhook_ui.errors import NotFound, Unavailable
from webhook_ui.history.deliveries import DeliveryDetail, get_delivery


def path_of(delivery_id: str) -> str:
    """Where the file of a delivery is."""
    return f"/deliveries/{delivery_id}/har"


def routes(database: Database) -> list[Route]:
    """To be added before the dashboard; the door has let in whoever comes here."""
    return [Route(path_of("{delivery_id}"), _answering(database), methods=["GET"])]


def _answering(database: Database) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        text = request.path_params["delivery_id"]
        try:
            numbers = ids.delivery_numbers(text)
            data = await database.read(lambda s: _write(get_delivery(s, *numbers, now=times.utcnow())))
        except (ValueError, NotFound):
            return PlainTextResponse("There is no such delivery. It may be older than what is kept.\n", 404)
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", 503, {"retry-after": "5"})
        headers = {"content-disposition": f'attachment; filename="{text}.har"', "cache-control": "no-store"}
        return Response(data, 200, headers, "application/json")

    return answer


def _write(detail: DeliveryDetail) -> bytes:
    """On a reading thread: bodies may be large."""
    return json.dumps(har.archive(detail, version=__version__), ensure_ascii=False, indent=1).encode()
