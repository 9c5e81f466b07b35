//! The words of the pages people log in on, in the languages they speak.

use openid::scope;

/// A language of the pages.
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

/// What a page speaks, and which languages its forms ask for again.
#[derive(Clone, Debug, Default)]
pub struct Voice {
    /// The language it speaks.
    pub language: Language,
    /// The languages that its address asked for.
    pub locales: String,
}

impl Voice {
    /// By what the address asks for, else by what the browser does.
    pub fn of(locales: &str, accepted: &str) -> Self {
        Self { language: Language::of(locales, accepted), locales: locales.to_owned() }
    }

    /// Its words.
    pub fn words(&self) -> &'static Words {
        self.language.words()
    }
}

/// What the pages say in one language.
pub struct Words {
    /// The login page's heading, and what its button does.
    pub log_in: &'static str,
    /// What stands before the name of the program.
    pub to_client: &'static str,
    /// What stands there when no program asked.
    pub to_platform: &'static str,
    /// What stands for a program where a device is connected.
    pub a_device: &'static str,
    /// The field for the user's name.
    pub username: &'static str,
    /// The field for the password.
    pub password: &'static str,
    /// The field for a code of a second factor.
    pub code: &'static str,
    /// The field for the organization.
    pub organization: &'static str,
    /// The way to a new password, and its page.
    pub forgot: &'static str,
    /// What stands before the name of another provider.
    pub with: &'static str,
    /// What is said while a browser is led to another provider.
    pub led_on: &'static str,
    /// What a button does that leads on.
    pub go_on: &'static str,
    /// The heading of a page that says what went wrong.
    pub failed: &'static str,
    /// Its title.
    pub failed_title: &'static str,
    /// What stands before the code of an error.
    pub error_code: &'static str,
    /// That there is nothing more to do.
    pub close: &'static str,
    /// The page after a logout.
    pub logged_out: &'static str,
    /// The way back in.
    pub again: &'static str,
    /// What the button does that ends a session.
    pub log_out: &'static str,
    /// The page that asks whether to.
    pub log_out_asked: &'static str,
    /// What it does.
    pub log_out_hint: &'static str,
    /// Whether a program may; `{}` is its name.
    pub let_in: &'static str,
    /// What stands before the name of the person.
    pub logged_in_as: &'static str,
    /// What a program asks for; `{}` is its name.
    pub asks_to: &'static str,
    /// What stands before the code a device shows.
    pub only_if: &'static str,
    /// Yes.
    pub allow: &'static str,
    /// No.
    pub deny: &'static str,
    /// The page a device's code is typed on.
    pub device: &'static str,
    /// What to do there.
    pub device_hint: &'static str,
    /// The field for it, and for the code of an app.
    pub device_code: &'static str,
    /// It was let in.
    pub device_connected: &'static str,
    /// It was not.
    pub device_refused: &'static str,
    /// What comes of asking for a new password.
    pub forgot_hint: &'static str,
    /// The page after that.
    pub mail: &'static str,
    /// What it says; not whether there is such an account.
    pub mail_hint: &'static str,
    /// The page for a new password.
    pub choose: &'static str,
    /// The field for it.
    pub new_password: &'static str,
    /// The page after that.
    pub chosen: &'static str,
    /// What it means for sessions.
    pub chosen_hint: &'static str,
    /// The page of an invitation.
    pub welcome: &'static str,
    /// What to do there.
    pub welcome_hint: &'static str,
    /// The field for a user's name that is chosen.
    pub name: &'static str,
    /// The field for a display name.
    pub called: &'static str,
    /// The page after that.
    pub inside: &'static str,
    /// What to do then.
    pub inside_hint: &'static str,
    /// The page on which a second factor is added.
    pub factor: &'static str,
    /// What to do there.
    pub factor_hint: &'static str,
    /// The page after that.
    pub factor_added: &'static str,
    /// What stands before recovery codes.
    pub recovery: &'static str,
    /// What is said before words that are there in English only.
    otherwise: &'static str,
}

const ENGLISH: Words = Words {
    log_in: "Log in",
    to_client: "to continue to",
    to_platform: "to AIC",
    a_device: "a device",
    username: "Name or e-mail address",
    password: "Password",
    code: "Code of your second factor",
    organization: "Organization",
    forgot: "Forgot your password?",
    with: "Log in with",
    led_on: "You are led on.",
    go_on: "Go on",
    failed: "That did not work",
    failed_title: "Error",
    error_code: "Code:",
    close: "You can close this page.",
    logged_out: "You are logged out",
    again: "Log in again",
    log_out: "Log out",
    log_out_asked: "Log out?",
    log_out_hint: "You will be logged out here, and of the programs you logged in to from here.",
    let_in: "Let {} in?",
    logged_in_as: "You are logged in as",
    asks_to: "{} asks to:",
    only_if: "Allow it only if you started this yourself, and the device shows the code",
    allow: "Allow",
    deny: "Do not allow",
    device: "Connect a device",
    device_hint: "Type the code the device shows. Go on only if you started this yourself.",
    device_code: "Code",
    device_connected: "The device is connected",
    device_refused: "The device was refused",
    forgot_hint: "A link for a new password is sent to the address of the account.",
    mail: "Look at your mail",
    mail_hint: "If there is such an account and it has an address, a link is on its way. It is good for an hour.",
    choose: "Choose a new password",
    new_password: "New password",
    chosen: "That is your new password",
    chosen_hint: "Log in with it; all other sessions have ended.",
    welcome: "Welcome to AIC",
    welcome_hint: "Choose how you want to log in.",
    name: "Name",
    called: "How people call you",
    inside: "You are in",
    inside_hint: "Log in with the name and the password you chose.",
    factor: "Add a second factor",
    factor_hint: "Your organization asks for one. Scan this with an authenticator app, or type the secret into it, then type the code it shows.",
    factor_added: "That is your second factor",
    recovery: "Keep these recovery codes where you find them without your phone. Each is good once. They are not shown again.",
    otherwise: "",
};

const SPANISH: Words = Words {
    log_in: "Iniciar sesión",
    to_client: "para continuar a",
    to_platform: "en AIC",
    a_device: "un dispositivo",
    username: "Nombre o correo electrónico",
    password: "Contraseña",
    code: "Código de su segundo factor",
    organization: "Organización",
    forgot: "¿Olvidó su contraseña?",
    with: "Iniciar sesión con",
    led_on: "Se le está redirigiendo.",
    go_on: "Continuar",
    failed: "No ha funcionado",
    failed_title: "Error",
    error_code: "Código:",
    close: "Puede cerrar esta página.",
    logged_out: "Ha cerrado la sesión",
    again: "Iniciar sesión de nuevo",
    log_out: "Cerrar sesión",
    log_out_asked: "¿Cerrar sesión?",
    log_out_hint: "Se cerrará la sesión aquí y en los programas en los que entró desde aquí.",
    let_in: "¿Permitir el acceso a {}?",
    logged_in_as: "Ha iniciado sesión como",
    asks_to: "{} solicita:",
    only_if: "Permítalo solo si lo inició usted y el dispositivo muestra el código",
    allow: "Permitir",
    deny: "No permitir",
    device: "Conectar un dispositivo",
    device_hint: "Escriba el código que muestra el dispositivo. Continúe solo si lo inició usted.",
    device_code: "Código",
    device_connected: "El dispositivo está conectado",
    device_refused: "El dispositivo fue rechazado",
    forgot_hint: "Se envía un enlace para una contraseña nueva al correo de la cuenta.",
    mail: "Revise su correo",
    mail_hint: "Si existe esa cuenta y tiene correo, el enlace está en camino. Vale durante una hora.",
    choose: "Elija una contraseña nueva",
    new_password: "Contraseña nueva",
    chosen: "Esa es su nueva contraseña",
    chosen_hint: "Inicie sesión con ella; las demás sesiones han terminado.",
    welcome: "Bienvenido a AIC",
    welcome_hint: "Elija cómo quiere iniciar sesión.",
    name: "Nombre de usuario",
    called: "Cómo le llaman",
    inside: "Ya está dentro",
    inside_hint: "Inicie sesión con el nombre y la contraseña que eligió.",
    factor: "Añadir un segundo factor",
    factor_hint: "Su organización lo exige. Escanee esto con una aplicación de autenticación, o escriba en ella el secreto, y luego escriba el código que muestra.",
    factor_added: "Ese es su segundo factor",
    recovery: "Guarde estos códigos de recuperación donde los encuentre sin su teléfono. Cada uno vale una vez. No se mostrarán de nuevo.",
    otherwise: "No ha funcionado:",
};

const CHINESE: Words = Words {
    log_in: "登录",
    to_client: "以继续使用",
    to_platform: "到 AIC",
    a_device: "设备",
    username: "用户名或电子邮件",
    password: "密码",
    code: "第二因素验证码",
    organization: "组织",
    forgot: "忘记密码？",
    with: "登录方式：",
    led_on: "正在为您跳转。",
    go_on: "继续",
    failed: "操作未成功",
    failed_title: "错误",
    error_code: "代码：",
    close: "您可以关闭此页面。",
    logged_out: "您已退出登录",
    again: "重新登录",
    log_out: "退出登录",
    log_out_asked: "要退出登录吗？",
    log_out_hint: "您将在此处退出，并退出由此登录的所有程序。",
    let_in: "允许 {} 访问吗？",
    logged_in_as: "您的登录身份：",
    asks_to: "{} 请求以下权限：",
    only_if: "仅当此操作由您本人发起，且设备显示以下代码时才可允许：",
    allow: "允许",
    deny: "不允许",
    device: "连接设备",
    device_hint: "请输入设备上显示的代码。仅当此操作由您本人发起时才可继续。",
    device_code: "代码",
    device_connected: "设备已连接",
    device_refused: "设备已被拒绝",
    forgot_hint: "用于设置新密码的链接将发送到该账户的邮箱。",
    mail: "请查看您的邮箱",
    mail_hint: "如果该账户存在且已有邮箱，链接已发出，一小时内有效。",
    choose: "设置新密码",
    new_password: "新密码",
    chosen: "新密码已设置",
    chosen_hint: "请用新密码登录；其他会话均已结束。",
    welcome: "欢迎使用 AIC",
    welcome_hint: "请设置您的登录方式。",
    name: "用户名",
    called: "您的称呼",
    inside: "加入成功",
    inside_hint: "请用您设置的用户名和密码登录。",
    factor: "添加第二因素",
    factor_hint: "您的组织要求使用第二因素。请用验证器应用扫描此码，或在应用中输入密钥，然后输入其显示的代码。",
    factor_added: "第二因素已添加",
    recovery: "请将这些恢复代码保存在不依赖手机也能找到的地方。每个代码只能使用一次，且不会再次显示。",
    otherwise: "操作未成功：",
};

/// What goes wrong where people meet it: the code, in Spanish and in Chinese. In English it is the platform's own sentence.
const KNOWN: [(&str, &str, &str); 8] = [
    ("wrong-password", "el nombre o la contraseña no son correctos", "用户名或密码错误"),
    ("second-factor-required", "falta el código de su segundo factor", "请输入第二因素验证码"),
    ("wrong-code", "el código no es correcto o ya se usó", "验证码错误或已被使用"),
    (
        "weak-password",
        "la contraseña es demasiado corta o fácil de adivinar; elija otra más larga",
        "密码过短或容易被猜到，请换一个更长的密码",
    ),
    (
        "form-expired",
        "este formulario es demasiado antiguo o no lo mostramos nosotros; vuelva atrás, recargue la página e inténtelo de nuevo",
        "此表单已过期或并非由我们提供；请返回、刷新页面后重试",
    ),
    ("link-ended", "este enlace ya se usó o ha caducado; pida otro", "此链接已被使用或已过期，请重新申请"),
    (
        "invitation-ended",
        "esta invitación ya se usó o ha caducado; pida otra",
        "此邀请已被使用或已过期，请重新申请",
    ),
    (
        "unknown-user-code",
        "este código es desconocido, ya se usó o ha caducado",
        "此代码未知、已被使用或已过期",
    ),
];

/// What scopes let a program do, in Spanish and in Chinese.
const SCOPES: [(&str, &str, &str); 6] = [
    ("openid", "Saber quién es usted", "了解您的身份"),
    ("profile", "Ver su nombre", "查看您的姓名"),
    ("email", "Ver su correo electrónico", "查看您的电子邮件地址"),
    ("groups", "Ver los grupos a los que pertenece", "查看您所在的用户组"),
    ("offline_access", "Seguir conectado mientras usted no está", "在您离开时保持连接"),
    (scope::ALL, "Hacer todo lo que usted puede hacer", "执行您有权执行的一切操作"),
];

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

    /// One of three: in English, Spanish or Chinese.
    fn choose<'a>(self, english: &'a str, spanish: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Spanish => spanish,
            Self::Chinese => chinese,
        }
    }

    /// What went wrong, where there are words for it in this language.
    pub fn known(self, error: &base::Error) -> Option<&'static str> {
        let found = KNOWN.iter().find(|it| it.0 == error.code());
        let known = match found {
            Some((_, spanish, chinese)) => self.choose("", spanish, chinese),
            None if error.status() == base::Status::TooMany => {
                self.choose("", "demasiados intentos; espere un momento", "尝试次数过多，请稍候再试")
            }
            None => "",
        };
        Some(known).filter(|known| !known.is_empty())
    }

    /// What went wrong. Messages are the platform's own, in English; those people meet here are said in their language,
    /// and any other is led in by it.
    pub fn told(self, error: &base::Error) -> String {
        if let Some(known) = self.known(error) {
            return known.to_owned();
        }
        let hint = error.advice().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{} {}{hint}", self.words().otherwise, error.message()).trim_start().to_owned()
    }

    /// What a scope lets a program do.
    pub fn scope(self, scope: &str) -> String {
        if self == Self::English {
            return scope::words(scope);
        }
        match SCOPES.iter().find(|it| it.0 == scope) {
            Some((_, spanish, chinese)) => self.choose("", spanish, chinese).to_owned(),
            None => format!("{} {scope}", self.choose("", "Usar su permiso", "使用您的权限")),
        }
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
        assert_eq!(Language::Spanish.told(&other), "No ha funcionado: only so; do that");
    }

    #[test]
    fn scopes_are_told_in_every_language() {
        assert_eq!(Language::English.scope("profile"), "See your name");
        assert_eq!(Language::Spanish.scope("profile"), "Ver su nombre");
        assert_eq!(Language::Chinese.scope("catalog.*.get"), "使用您的权限 catalog.*.get");
    }
}
