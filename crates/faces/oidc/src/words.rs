//! The words of the login page, in the languages it speaks.

/// A language of the login page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Spanish.
    Spanish,
    /// Chinese, simplified.
    Chinese,
}

/// What the login page says in one language.
pub struct Words {
    /// The page's heading, and what the button does.
    pub log_in: &'static str,
    /// What stands before the name of the program.
    pub to_client: &'static str,
    /// What stands there when no program asked.
    pub to_platform: &'static str,
    /// The field for the user's name.
    pub username: &'static str,
    /// The field for the password.
    pub password: &'static str,
    /// The field for a code of a second factor.
    pub code: &'static str,
    /// The field for the organization.
    pub organization: &'static str,
    /// The way to a new password.
    pub forgot: &'static str,
    /// What stands before the name of another provider.
    pub with: &'static str,
    /// What `wrong-password` says.
    wrong_password: &'static str,
    /// What `second-factor-required` says.
    second_factor: &'static str,
    /// What is said of too many tries.
    too_many: &'static str,
    /// What is said before words that are there in English only.
    otherwise: &'static str,
}

const ENGLISH: Words = Words {
    log_in: "Log in",
    to_client: "to continue to",
    to_platform: "to AIC",
    username: "Name or e-mail address",
    password: "Password",
    code: "Code of your second factor",
    organization: "Organization",
    forgot: "Forgot your password?",
    with: "Log in with",
    wrong_password: "",
    second_factor: "",
    too_many: "",
    otherwise: "",
};

const SPANISH: Words = Words {
    log_in: "Iniciar sesión",
    to_client: "para continuar a",
    to_platform: "en AIC",
    username: "Nombre o correo electrónico",
    password: "Contraseña",
    code: "Código de su segundo factor",
    organization: "Organización",
    forgot: "¿Olvidó su contraseña?",
    with: "Iniciar sesión con",
    wrong_password: "el nombre o la contraseña no son correctos",
    second_factor: "falta el código de su segundo factor",
    too_many: "demasiados intentos; espere un momento",
    otherwise: "No se pudo iniciar la sesión:",
};

const CHINESE: Words = Words {
    log_in: "登录",
    to_client: "以继续使用",
    to_platform: "到 AIC",
    username: "用户名或电子邮件",
    password: "密码",
    code: "第二因素验证码",
    organization: "组织",
    forgot: "忘记密码？",
    with: "登录方式：",
    wrong_password: "用户名或密码错误",
    second_factor: "请输入第二因素验证码",
    too_many: "尝试次数过多，请稍候再试",
    otherwise: "无法登录：",
};

impl Language {
    /// The first there is of what the client asks for (`ui_locales`, OpenID Connect Core 1.0 section 3.1.2.1), else of
    /// what the browser does (`Accept-Language`, RFC 9110 section 12.5.4), else English.
    pub fn of(ui_locales: &str, accepted: &str) -> Self {
        let asked = ui_locales.split_ascii_whitespace().find_map(Self::named);
        asked.or_else(|| Self::accepted(accepted)).unwrap_or_default()
    }

    /// By the primary part of a tag (RFC 5646): `es-419` is Spanish.
    fn named(tag: &str) -> Option<Self> {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The one with the greatest weight, the first among equals.
    fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',') {
            let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse().ok());
            let (Some(language), Some(weight)) = (Self::named(tag.trim()), weight) else { continue };
            if weight > 0.0 && best.is_none_or(|(greatest, _)| weight > greatest) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// Its tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::Chinese => "zh",
        }
    }

    /// Its words.
    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// What went wrong. Messages are the platform's own, in English; those people meet here are said in their language,
    /// and any other is led in by it.
    pub fn told(self, error: &base::Error) -> String {
        let words = self.words();
        let known = match error.code() {
            "wrong-password" => words.wrong_password,
            "second-factor-required" => words.second_factor,
            _ if error.status() == base::Status::TooMany => words.too_many,
            _ => "",
        };
        if !known.is_empty() {
            return known.to_owned();
        }
        let hint = error.advice().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{} {}{hint}", words.otherwise, error.message()).trim_start().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_asked_before_the_browser() {
        assert_eq!(Language::of("", ""), Language::English);
        assert_eq!(Language::of("fr es-419 zh", "en"), Language::Spanish);
        assert_eq!(Language::of("fr", "de, zh-Hans;q=0.8, es;q=0.9"), Language::Spanish);
        assert_eq!(Language::of("", "es;q=0, zh;q=0.1"), Language::Chinese);
        assert_eq!(Language::of("", "es;q=x, *"), Language::English);
    }

    #[test]
    fn what_people_meet_is_said_in_their_language_and_the_rest_led_in_by_it() {
        let wrong = base::Error::unauthenticated("wrong-password", "the name or the password is wrong");
        assert_eq!(Language::English.told(&wrong), "the name or the password is wrong");
        assert_eq!(Language::Chinese.told(&wrong), "用户名或密码错误");
        let other = base::Error::forbidden("session-needed", "only so").hint("do that");
        assert_eq!(Language::English.told(&other), "only so; do that");
        assert_eq!(Language::Spanish.told(&other), "No se pudo iniciar la sesión: only so; do that");
    }
}
