"""A browser without scripts: it keeps cookies, reads forms, and goes where it is sent, one step at a time."""

import html.parser
import urllib.parse

import requests


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each leads, and its fields."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append((attrs.get("action", ""), {}))
        elif tag == "input" and self.forms:
            self.forms[-1][1][attrs.get("name")] = attrs.get("value") or ""

    def handle_data(self, data):
        self.text += data


class Browser:
    """One browser with its cookies."""

    def __init__(self, origin):
        self.origin, self.session, self.answer = origin, requests.Session(), None

    def get(self, url):
        """Opens an address; sent on within the origin, it follows."""
        self.answer = self.session.get(urllib.parse.urljoin(self.origin, url), allow_redirects=False, timeout=30)
        return self._follow()

    def submit(self, **fields):
        """Sends the page's form with some fields filled in."""
        action, there = Forms(self.answer.text).forms[0]
        url = urllib.parse.urljoin(self.answer.url, action)
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin"}
        self.answer = self.session.post(url, data={**there, **fields}, headers=headers, allow_redirects=False, timeout=30)
        return self._follow()

    def _follow(self):
        while self.answer.status_code in (302, 303, 307) and self.leads_to().startswith(self.origin + "/"):
            self.answer = self.session.get(self.leads_to(), allow_redirects=False, timeout=30)
        return self

    def leads_to(self):
        """Where the browser is sent, if it is."""
        return urllib.parse.urljoin(self.answer.url, self.answer.headers.get("location", ""))

    def sent(self):
        """The parameters it is sent elsewhere with."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.leads_to()).query))

    def text(self):
        """What a person reads."""
        return " ".join(Forms(self.answer.text).text.split())

    def field(self, name):
        """What a field of the page's form holds."""
        return Forms(self.answer.text).forms[0][1].get(name)

    def login(self, username, password, **more):
        """Fills in the login page."""
        return self.submit(username=username, password=password, **more)
